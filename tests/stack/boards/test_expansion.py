from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as some

from stack.boards.expansion import ExpansionError, Value, expand, link, words
from stack.boards.window import Window
from tests.collector_config.stores import prometheus
from tests.programs import free_port

WINDOW = Window.of("now-1h", "now", now=1_700_000_000)
ONE = {"x": Value(("a.b",))}
TWO = {"x": Value(("a.b", "c"), several=True)}
ALL = {"x": Value(("a", "b"), several=True, everything=".*")}


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ('up{a="$x"}', ONE, 'up{a="a.b"}'),
        ('up{a="${x}"}', ONE, 'up{a="a.b"}'),
        ('up{a=~"$x"}', TWO, r'up{a=~"(a\\.b|c)"}'),
        ('up{a=~"$x"}', {"x": Value(("a.b",), several=True)}, r'up{a=~"a\\.b"}'),
        ("{a=~`$x`}", TWO, r"{a=~`(a\.b|c)`}"),
        ('up{a=~"${x:regex}"}', ONE, r'up{a=~"a\\.b"}'),
        ('up{a=~"${x:pipe}"}', TWO, 'up{a=~"a.b|c"}'),
        ('up{a="${x:csv}"}', TWO, 'up{a="a.b,c"}'),
        ('up{a="${x:raw}"}', TWO, 'up{a="a.b,c"}'),
        ('up{a=~"$x"}', ALL, 'up{a=~".*"}'),
        ('up{a=~"${x:regex}"}', ALL, 'up{a=~".*"}'),
        ('up{a="${x:csv}"}', ALL, 'up{a="a,b"}'),
        ("sum by ($x) (up)", {"x": Value(("job",))}, "sum by (job) (up)"),
        ("topk($x, up)", {"x": Value(("5",))}, "topk(5, up)"),
        ('label_replace(up, "b", "$1", "a", "(.*)$")', {}, 'label_replace(up, "b", "$1", "a", "(.*)$")'),
        ("rate(up[$__rate_interval])", {}, "rate(up[1m])"),
        ("rate(up[${__interval}])", {}, "rate(up[15s])"),
        ("increase(up[$__range])", {}, "increase(up[3600s])"),
        ("up / $__range_s", {}, "up / 3600"),
        ("$__from $__to", {}, "1699996400000 1700000000000"),
    ],
)
def test_queries_are_expanded_as_grafana_does(text: str, values: dict[str, Value], expected: str) -> None:
    assert expand(text, values, WINDOW) == expected


def test_tempo_gets_several_values_with_a_bar() -> None:
    assert expand('{ .a =~ "$x" }', TWO, WINDOW, source="traces") == '{ .a =~ "a.b|c" }'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("up{a='$y'}", "the board: there is no variable $y: add it to the board, or use one of x, __"),
        ("rate(up[$__rate])", "the board: there is no variable $__rate"),
        (
            'up{a="${x:lucene}"}',
            "the board: the format 'lucene' is not known: use one of regex, pipe, csv, raw",
        ),
        ("up{a=$x}", "the board: $x cannot be 'a.b' outside of quotes: put it in double quotes"),
    ],
)
def test_what_cannot_be_expanded_is_named(text: str, said: str) -> None:
    with pytest.raises(ExpansionError) as refused:
        expand(text, ONE, WINDOW, where="the board")
    assert said in str(refused.value)


def test_a_backtick_ends_no_string() -> None:
    with pytest.raises(ExpansionError, match="between backticks: put it in double quotes"):
        expand("{a=`$x`}", {"x": Value(("`} or {b=`",))}, WINDOW)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/d/b?${__url_time_range}", "/d/b?from=now-1h&to=now"),
        ("/d/b?${x:queryparam}", "/d/b?var-x=a.b&var-x=c"),
        ("/d/b?${__all_variables}&${__url_time_range}", "/d/b?var-x=a.b&var-x=c&from=now-1h&to=now"),
        ("/d/b?var-r=${__field.labels.route}", "/d/b?var-r=%2Fa%3Fb"),
        ("/d/b?var-r=${__data.fields.route}", "/d/b?var-r=%2Fa%3Fb"),
        ('/d/b?var-r=${__data.fields["route"]}', "/d/b?var-r=%2Fa%3Fb"),
        ("/d/b?v=${__value.raw}&x=$x", "/d/b?v=1.5&x=a.b%2Cc"),
        ("${__data.fields.url}", "https://a.example/b?c=d"),
        ("${__data.fields.bad}", "#"),
        ("javascript:alert(1)", "#"),
        ("//evil.example", "#"),
    ],
)
def test_links_are_expanded_as_grafana_does(url: str, expected: str) -> None:
    facts = {
        "__value.raw": "1.5",
        "__field.labels.route": "/a?b",
        "__data.fields.route": "/a?b",
        "__data.fields.url": "https://a.example/b?c=d",
        "__data.fields.bad": "javascript:alert(1)",
    }
    assert link(url, TWO, WINDOW, facts) == expected


def test_a_link_with_all_keeps_all() -> None:
    assert link("/d/b?${x:queryparam}", ALL, WINDOW) == "/d/b?var-x=%24__all"


def test_an_unknown_fact_of_a_link_is_named() -> None:
    with pytest.raises(ExpansionError, match=r"there is no variable \$\{__data\.fields\.nothing\}"):
        link("/d/b?x=${__data.fields.nothing}", {}, WINDOW)


def test_titles_are_expanded() -> None:
    assert words("Errors of $x in $__range", TWO, WINDOW) == "Errors of a.b + c in 3600s"
    assert words("Errors of ${x}", ALL, WINDOW) == "Errors of All"


TEXT = some.text(some.characters(exclude_categories=["Cs"]), max_size=30)
NASTY = some.sampled_from(['"', "\\", "'", "`", "\n", '"} or up{a="', '\\"', "$x", ".*", "#", "{{", "\x00"])
PIECES = some.lists(some.one_of(TEXT, NASTY), min_size=1, max_size=4).map("".join)


@given(PIECES)
def test_a_value_in_a_link_stays_one_parameter(value: str) -> None:
    url = link("/d/b?var-a=$x&var-b=c", {"x": Value((value,))}, WINDOW)
    assert parse_qs(urlsplit(url).query, keep_blank_values=True) == {"var-a": [value], "var-b": ["c"]}


@pytest.fixture(scope="module")
def parser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with prometheus(tmp_path_factory.mktemp("prometheus"), free_port(), {}) as client:
        yield client


QUERIES = [
    'sum by (a) (rate(b{c="$x", d="e"}[1m])) > 0',
    "sum by (a) (rate(b{c='$x', d=\"e\"}[1m])) > 0",
    'sum by (a) (rate(b{c=~"$x", d="e"}[1m])) > 0',
    'sum by (a) (rate(b{c=~"${x:regex}", d="e"}[1m])) > 0 # it\'s "a comment',
    'label_replace(b, "f", "$x", "c", "(.*)")',
]


def without_strings(tree: Any) -> Any:  # noqa: ANN401 - Prometheus' syntax tree
    """Returns a syntax tree with every text that a value may be replaced."""
    if isinstance(tree, list):
        return [without_strings(each) for each in tree]
    if not isinstance(tree, dict):
        return tree
    kept = {key: without_strings(each) for key, each in tree.items()}
    spoken = tree.get("type") == "stringLiteral" or tree.get("name") == "c"
    return {**kept, "val": "", "value": ""} if spoken else kept


@given(some.lists(PIECES, min_size=1, max_size=3), some.booleans(), some.sampled_from(QUERIES))
def test_no_value_changes_what_is_asked(
    parser: httpx.Client,
    chosen: list[str],
    several: bool,  # noqa: FBT001 - drawn
    query: str,
) -> None:
    def parsed(*values: str) -> object:
        text = expand(query, {"x": Value(values, several=several)}, WINDOW)
        answer = parser.post("/api/v1/parse_query", data={"query": text}).json()
        # A single value is no regular expression until the query makes it one; then it may be a wrong one.
        wrong = answer["status"] == "error" and "error parsing regexp" in answer["error"] and "=~" in query
        return None if wrong else without_strings(answer["data"])

    plain, strange = parsed("v"), parsed(*chosen)
    assert strange is None or strange == plain
    if several:
        assert strange is not None
