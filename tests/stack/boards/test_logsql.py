"""The LogQL of our boards in LogsQL: every shape, against the log store itself, and nothing else."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as some

from app.infra.stores.client import StoreClient
from grafana import log_queries as logql
from stack.boards.dashboards import Target, load
from stack.boards.expansion import ExpansionError, Value, expand
from stack.boards.logql import LogqlError, parsed
from stack.boards.logs import VictoriaLogs
from stack.boards.logsql import logsql
from stack.boards.window import Window
from tests.collector_config.stores import victorialogs

NOW = time.time()
WINDOW = Window.of("now-1h", "now", now=NOW)
ALL = Value(("lms",), several=True, everything=".*")
CHOSEN = {"service": ALL, "environment": ALL, "instance": ALL, "text": Value(("",))}
RECORDS = [
    {"_msg": "request", "severity_text": "INFO", "severity_number": "9", "request_id": "req-1"},
    {"_msg": "request", "severity_text": "INFO", "severity_number": "9", "request_id": "req-2"},
    {"_msg": "Payment FAILED", "severity_text": "ERROR", "severity_number": "17", "request_id": "req-2"},
    {"_msg": "slow_query", "severity_text": "WARN", "severity_number": "13", "logger": "slow_query"},
    {"_msg": "slow_query", "severity_text": "WARN", "severity_number": "13", "logger": "slow_query"},
]
DURATIONS = ["250", "750"]


def expanded(query: str, **given: Value) -> str:
    return expand(query, CHOSEN | given, WINDOW, source="logs")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (logql.lines(), '"service.name":*'),
        (logql.lines(logql.equal("request_id", 'a"b')), '"service.name":* "request_id":="a\\"b"'),
        (logql.lines(logql.matching("logger", "a.b")), '"service.name":* "logger":~"^(?s:a.b)$"'),
        (logql.lines(logql.containing("trace_id", "$text")), '"service.name":*'),
        (logql.lines(logql.containing("trace_id", "ab")), '"service.name":* "trace_id":~"^(?s:.*ab.*)$"'),
        (logql.lines(logql.saying("fail")), '"service.name":* "_msg":~"(?i)fail"'),
        (logql.lines(logql.saying("$text")), '"service.name":*'),
        (logql.count(logql.at_least(17)), '"service.name":* "severity_number":>=17 | stats count() as value'),
        (
            logql.volume(["severity_text", "service_name"]),
            '"service.name":* | stats by ("severity_text", "service.name") count() as value',
        ),
        (
            logql.top(5, ["logger"]),
            '"service.name":* | stats by ("logger") count() as value | sort by (value desc) limit 5',
        ),
        (
            logql.costliest(3, ["query_shape"], "duration_ms", logql.equal("logger", "slow_query")),
            (
                '"service.name":* "logger":="slow_query" "duration_ms":* '
                '| stats by ("query_shape") sum("duration_ms") as value | sort by (value desc) limit 3'
            ),
        ),
    ],
)
def test_each_form_is_translated(query: str, expected: str) -> None:
    assert logsql(parsed(expanded(query.replace('a"b', 'a\\"b')))) == expected


def test_a_chosen_service_is_a_filter() -> None:
    query = expanded(logql.lines(), service=Value(("a.b", "c"), several=True))
    assert logsql(parsed(query)) == r'"service.name":* "service.name":~"^(?s:(a\\.b|c))$"'


@pytest.mark.parametrize(
    "query",
    [
        "",
        "up",
        "{}",
        '{service_name="a"',
        '{service_name="a"} | json',
        '{service_name="a"} |= "b"',
        'rate({service_name="a"}[5m])',
        'sum(count_over_time({service_name="a"}))',
        'sum(sum_over_time({service_name="a"} [5m]))',
        'sum(count_over_time({service_name="a"} [5m])) > 1',
        'topk(5, count_over_time({service_name="a"} [5m]))',
        '{service_name="a"} | __error__="JSONParserErr"',
    ],
)
def test_another_form_is_an_error_that_names_the_fix(query: str) -> None:
    with pytest.raises(LogqlError, match=r"of another form than our boards have .*grafana/log_queries\.py"):
        parsed(query)


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(LogqlError, match="'shoe_size' is no field of our log lines: name one of db_"):
        logsql(parsed('{shoe_size="43"}'))


def test_every_log_query_of_our_boards_is_translated() -> None:
    found = [
        logsql(
            parsed(expand(target.text, dict.fromkeys((each.name for each in board.variables), ALL), WINDOW))
        )
        for board in load()
        for panel in board.panels
        for target in panel.targets
        if target.source == "logs"
    ]
    assert len(found) > 5


PIECES = some.lists(
    some.one_of(
        some.text(some.characters(exclude_categories=["Cs"]), max_size=20),
        some.sampled_from(
            ['"', "\\", '"} | ', "`", "\n", " | stats count()", '" or "a":="', ")]", "$text", "\x00"]
        ),
    ),
    min_size=1,
    max_size=4,
).map("".join)
ASKED = [
    logql.lines(logql.equal("request_id", "$text"), logql.at_least(17)),
    logql.count(logql.containing("user_id", "$text"), logql.saying("$text")),
    logql.top(5, ["logger"], logql.matching("request_id", "$text")),
]


def test_what_people_type_is_found_as_it_is() -> None:
    query = logql.lines(logql.saying("${text:regex}"), logql.containing("request_id", "${text:regex}"))
    [*_, line, request] = parsed(expanded(query, text=Value(('a"b(c\\',)))).conditions
    assert [line.text, request.text] == ['(?i)a"b\\(c\\\\', '.*a"b\\(c\\\\.*']


@given(PIECES.map(lambda text: f"v{text}"), some.sampled_from(ASKED))
def test_no_value_changes_what_is_asked(value: str, query: str) -> None:
    if "`" in query and "`" in value:
        with pytest.raises(ExpansionError, match="between backticks"):
            expanded(query, text=Value((value,)))
        return
    plain, strange = (parsed(expanded(query, text=Value((each,)))) for each in ("v", value))
    assert (strange.function, strange.by, strange.most, strange.of) == (
        plain.function,
        plain.by,
        plain.most,
        plain.of,
    )
    changed = [
        (theirs.field, theirs.operator, ours.text.replace("v", value) == theirs.text)
        for ours, theirs in zip(plain.conditions, strange.conditions, strict=True)
        if "v" in ours.text and ours.field in {"request_id", "user_id", ""}
    ]
    assert [same for *_, same in changed] == [True] * len(changed)
    assert changed
    # Outside of its strings, the translated query is the same.
    assert _outside(logsql(strange)) == _outside(logsql(plain))


def _outside(query: str) -> list[str]:
    """Returns what is outside of the strings."""
    decoder, found, at = json.JSONDecoder(strict=False), [], 0
    while (quote := query.find('"', at)) >= 0:
        found.append(query[at:quote])
        _, at = decoder.raw_decode(query, quote)
    return [*found, query[at:]]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with victorialogs(tmp_path_factory.mktemp("logs")) as url:
        durations = iter(DURATIONS)
        lines = [
            each
            | {"_time": f"{NOW - 60 - index:.3f}", "service.name": "lms"}
            | ({"duration_ms": next(durations)} if "logger" in each else {})
            for index, each in enumerate(RECORDS)
        ]
        fields = {"_stream_fields": "service.name", "_time_field": "_time"}
        body = "\n".join(map(json.dumps, lines))
        httpx.post(f"{url}/insert/jsonline", params=fields, content=body).raise_for_status()
        httpx.get(f"{url}/internal/force_flush").raise_for_status()
        yield url


@asynccontextmanager
async def asked(url: str) -> AsyncIterator[VictoriaLogs]:
    client = StoreClient("victorialogs", url, seconds=10)
    yield VictoriaLogs(client)
    await client.close()


async def counts(url: str, query: str, *, instant: bool = True) -> dict[str, float]:
    target = Target("A", "logs", query, "{{logger}}{{severity_text}}", instant=instant)
    async with asked(url) as logs:
        found = await logs.series(target, expanded(query), WINDOW, "all")
    return {each.name: sum(value for _, value in each.points) for each in found}


async def test_lines_are_found(store: str) -> None:
    async with asked(store) as logs:
        for filters, expected in [
            ((), 5),
            ((logql.equal("request_id", "req-2"),), 2),
            ((logql.containing("request_id", "eq-"),), 3),
            ((logql.containing("request_id", ""),), 5),
            ((logql.saying("failed"),), 1),
            ((logql.at_least(logql.WARNING),), 3),
        ]:
            query = logql.lines(*filters)
            found = await logs.lines(Target("A", "logs", query), expanded(query), WINDOW)
            assert len(found) == expected, query
    assert found[0].time > found[-1].time
    assert found[0].fields["service_name"] == "lms"


async def test_lines_are_counted(store: str) -> None:
    assert await counts(store, logql.count()) == {"all": 5}
    assert await counts(store, logql.top(2, ["severity_text"])) == {"INFO": 2, "WARN": 2}
    assert await counts(store, logql.costliest(2, ["logger"], "duration_ms")) == {"slow_query": 1000}
    over_time = await counts(store, logql.volume(["severity_text"]), instant=False)
    assert over_time == {"INFO": 2, "ERROR": 1, "WARN": 2}
