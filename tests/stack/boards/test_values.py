from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from stack.boards.dashboards import Dashboard, DashboardError, Variable, load
from stack.boards.expansion import Value, expand, names
from stack.boards.values import ALL, Resolved, label_values, resolved, values
from stack.boards.window import Window

WINDOW = Window.of("now-1h", "now", now=1_700_000_000)


class Asked:
    """Answers with values by label, and keeps the selectors."""

    def __init__(self, found: Mapping[str, Sequence[str]]) -> None:
        self._found = found
        self.selectors: list[str] = []

    async def __call__(self, selector: str, label: str) -> Sequence[str]:
        self.selectors.append(selector)
        return self._found.get(label, ())


def variable(name: str, query: str, **changes: object) -> Variable:
    return Variable(name, name, **{"kind": "query", "query": query, **changes})  # type: ignore[arg-type]  # of a test


def with_variables(*variables: Variable) -> Dashboard:
    return Dashboard("a-board", "A board", "", (), variables, ())


SEVERAL = {"several": True, "with_all": True, "all_value": ".*", "chosen": (ALL,)}
CHAIN = with_variables(
    variable("service", "label_values(up, service_name)", **SEVERAL),
    variable("instance", 'label_values(up{service_name=~"$service"}, instance)', **SEVERAL),
)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("label_values(up, job)", ("up", "job")),
        ("label_values(job)", ("", "job")),
        ('label_values( up{a="b, c", d=~"e(f)"} , job )', ('up{a="b, c", d=~"e(f)"}', "job")),
    ],
)
def test_label_values_are_asked_for(query: str, expected: tuple[str, str]) -> None:
    assert label_values(query) == expected


def test_another_question_is_refused() -> None:
    with pytest.raises(DashboardError, match="write label_values"):
        label_values("query_result(up)")


async def resolve(board: Dashboard, given: Mapping[str, Sequence[str]], ask: Asked) -> dict[str, Resolved]:
    return await resolved(board, given, WINDOW, ask)


async def test_all_is_the_boards_text_for_it() -> None:
    ask = Asked({"service_name": ["lms", "collector"], "instance": ["a:1"]})
    found = await resolve(CHAIN, {}, ask)
    assert found["service"].value == Value(("lms", "collector"), several=True, everything=".*")
    assert found["service"].options == ("lms", "collector")
    assert found["service"].chosen == (ALL,)
    assert ask.selectors == ["up", 'up{service_name=~".*"}']


async def test_a_variable_depends_on_those_before_it() -> None:
    ask = Asked({"service_name": ["lms"], "instance": ["a:1"]})
    found = await resolve(CHAIN, {"service": ["l.m", "x"], "instance": ["a:1"]}, ask)
    assert ask.selectors[1] == r'up{service_name=~"(l\\.m|x)"}'
    assert found["instance"].value == Value(("a:1",), several=True)
    query = expand('x{instance=~"$instance"}', values(found), WINDOW)
    assert query == 'x{instance=~"a:1"}'


async def test_all_without_a_text_for_it_is_every_value() -> None:
    board = with_variables(variable("job", "label_values(up, job)", **{**SEVERAL, "all_value": ""}))
    found = await resolve(board, {}, Asked({"job": ["a", "b"]}))
    assert found["job"].chosen == (ALL,)
    assert expand('x{job=~"$job"}', values(found), WINDOW) == 'x{job=~"(a|b)"}'


async def test_one_value_of_one() -> None:
    board = with_variables(variable("job", "label_values(up, job)"))
    found = await resolve(board, {}, Asked({"job": ["a", "b"]}))
    assert found["job"].value == Value(("a",))
    found = await resolve(board, {"job": ["b", "c"]}, Asked({"job": ["a", "b"]}))
    assert found["job"].value == Value(("b",))


async def test_text_and_sources_ask_nobody() -> None:
    ask = Asked({})
    board = with_variables(
        variable("search", "", kind="textbox"), variable("metrics", "prometheus", kind="datasource")
    )
    found = await resolve(board, {"search": ["req-1"], "metrics": ["another"]}, ask)
    assert found["search"].value == Value(("req-1",))
    assert found["metrics"].value == Value(("prometheus",))
    assert ask.selectors == []


async def test_a_variable_that_comes_later_is_named() -> None:
    board = with_variables(variable("instance", 'label_values(up{service_name="$service"}, instance)'))
    with pytest.raises(
        DashboardError, match=r"^a-board: variable 'instance': there is no variable \$service"
    ):
        await resolve(board, {}, Asked({}))


def test_our_boards_lack_no_variable() -> None:
    for board in load():
        texts = [target.text for panel in board.panels for target in panel.targets]
        known = {variable.name for variable in board.variables}
        used = {name for text in texts for name in names(text) if not name.startswith("__")}
        assert used <= known, board.uid
        assert [label_values(each.query) for each in board.variables if each.kind == "query"]
