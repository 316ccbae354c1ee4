"""Every rule about boards refuses a board that breaks it, and the message names board, panel and fix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest

from grafana.lint.check import RULES, Fault, faults
from grafana.lint.queries import says
from grafana.lint.shown import Shown
from grafana.looks import Limit
from tests.grafana.sample import RATE, ROUTES, SLOW, UP, WORDS, sample

Break = Callable[[Shown], object]


@dataclass(frozen=True)
class Broken:
    """How a board is broken, and what the message says of which panel."""

    rule: str
    panel: str
    says: str
    change: Break

    def __str__(self) -> str:
        return f"{self.rule}: {self.says}"


def panel(board: Shown, title: str) -> dict[str, Any]:
    return next(each for each in board.panels if each["title"] == title)


def field(board: Shown, title: str) -> dict[str, Any]:
    found: dict[str, Any] = panel(board, title)["fieldConfig"]["defaults"]
    return found


def target(board: Shown, title: str) -> dict[str, Any]:
    found: dict[str, Any] = panel(board, title)["targets"][0]
    return found


def on(title: str, /, **changes: object) -> Break:
    return lambda board: panel(board, title).update(changes)


def fields(title: str, **changes: object) -> Break:
    return lambda board: field(board, title).update(changes)


def query(title: str, **changes: object) -> Break:
    return lambda board: target(board, title).update(changes)


def asks(text: str, title: str = RATE) -> Break:
    return query(title, expr=text)


def place(title: str, **changes: int) -> Break:
    return lambda board: panel(board, title)["gridPos"].update(changes)


def whole(**changes: object) -> Break:
    return lambda board: board.content.update(changes)


def steps(title: str, *values: float) -> Break:
    found = [{"color": "#009E73", "value": None}, *({"color": "#D55E00", "value": value} for value in values)]
    return fields(title, thresholds={"mode": "absolute", "steps": found})


def limit(name: str, factor: float = 1) -> Break:
    def change(board: Shown) -> None:
        board.limits = {**board.limits, SLOW: Limit(name, factor=factor)}

    return change


def link(url: str) -> Break:
    return on(RATE, links=[{"title": "There", "url": url}])


def variable(name: str, **changes: object) -> Break:
    return lambda board: next(each for each in board.variables if each["name"] == name).update(changes)


def columns(*names: str) -> Break:
    def change(board: Shown) -> None:
        panel(board, ROUTES)["transformations"][0]["options"]["include"]["names"] = list(names)

    return change


def joined(label: str) -> Break:
    change = {"id": "joinByField", "options": {"byField": label}}
    return lambda board: panel(board, ROUTES)["transformations"].append(change)


_REF: Final = {"type": "prometheus", "uid": "prometheus"}
_OWN: Final = {"type": "prometheus", "uid": "${metrics}"}
_LOKI: Final = {"type": "loki", "uid": "${logs}"}
_SPARE: Final = {"type": "textbox", "name": "spare", "query": ""}
_LATER: Final = 'label_values(target_info{service_name="$service"}, deployment_environment_name)'
_RATE: Final = "http_server_request_duration_seconds_count"
BROKEN: Final = (
    Broken("title", "panel 400001", "say what it shows", on(RATE, title="", id=400001)),
    Broken("title", UP, "rename one of them", on(RATE, title=UP)),
    Broken("description", RATE, "says too little", on(RATE, description="Requests.")),
    Broken("description", "the board", "is no question", whole(description="About the API.")),
    Broken("unit", RATE, "it has no unit", fields(RATE, unit="")),
    Broken("unit", RATE, "no unit 'furlongs'", fields(RATE, unit="furlongs")),
    Broken("kind", RATE, "the kind 'graph' is unknown: use one of stat", on(RATE, type="graph")),
    Broken("id", RATE, "let the builder number panels", on(RATE, id=7)),
    Broken("layout", RATE, "ends at column 30 of 24", place(RATE, x=18, w=12)),
    Broken("layout", RATE, "5 columns are too narrow for a timeseries at 1280 px", place(RATE, w=5)),
    Broken("layout", UP, "it overlaps", place(RATE, x=0)),
    Broken("layout", ROUTES, "10 columns in a width of 12", columns(*"abcdefghij")),
    Broken("stacking", RATE, "draw them as lines", fields(RATE, custom={"stacking": {"mode": "normal"}})),
    Broken(
        "color", RATE, "'red' is none of ours", fields(RATE, color={"mode": "fixed", "fixedColor": "red"})
    ),
    Broken("blank", RATE, "it is blank without data", fields(RATE, noValue="")),
    Broken("legend", RATE, "query A has no legend", query(RATE, legendFormat="")),
    Broken("bars", RATE, "a bar that is alone has no name", on(RATE, type="bargauge")),
    Broken("threshold", SLOW, "changes at 3, where no alert does: give it a Limit", steps(SLOW, 3)),
    Broken("threshold", UP, "changes at 2, where no alert does", steps(UP, 0, 2)),
    Broken(
        "threshold", SLOW, "api_error_ratio is in ratio: use percentunit or percent", limit("api_error_ratio")
    ),
    Broken("threshold", SLOW, "its factor for 's' is 1", limit("api_p95", 2)),
    Broken(
        "runbook",
        SLOW,
        "say `runbook ApiSlow`",
        on(SLOW, description="How long requests take: faster is better."),
    ),
    Broken(
        "runbook", UP, "there is no runbook CollectorGone", on(UP, description="DOWN: runbook CollectorGone.")
    ),
    Broken(
        "source", RATE, "asks the data source 'prometheus': name a variable", query(RATE, datasource=_REF)
    ),
    Broken("source", RATE, "has no data source ${logs}", on(RATE, datasource=_REF | {"uid": "${logs}"})),
    Broken(
        "source",
        RATE,
        "is a prometheus, but it asks for a loki",
        on(RATE, datasource={**_OWN, "type": "loki"}),
    ),
    Broken("promql", RATE, "query A is no PromQL: could not parse", asks("sum(rate(up[$__rate_interval])")),
    Broken(
        "logql",
        RATE,
        "query A is no LogQL that the stand-in has",
        query(RATE, datasource=_LOKI, expr='{a="b"} | json'),
    ),
    Broken("window", RATE, "rate(…[5m]): use [$__rate_interval]", asks(f"sum(rate({_RATE}[5m]))")),
    Broken("window", RATE, "rate(…[$__interval])", asks(f"sum(rate({_RATE}[$__interval]))")),
    Broken("window", ROUTES, "increase(…[1d])", asks(f"sum(increase({_RATE}[1d]))", ROUTES)),
    Broken("hard-coded", RATE, 'asks for instance="a" only', asks('up{instance="a"}')),
    Broken("hard-coded", RATE, 'service_name=~"lms" only', asks('sum(target_info{service_name=~"lms"})')),
    Broken("hard-coded", RATE, "127.0.0.1", asks('up{job="127.0.0.1:9090"}')),
    *(
        Broken("hidden", RATE, "no data looks like 0", asks(query))
        for query in (
            "sum(up) or vector(0)",
            "(sum(up) or vector(0)) * 100",
            "sum(up or on() vector(0))",
            "count(up) + (count(target_info) or (vector(0)))",
        )
    ),
    Broken("threshold", SLOW, "changes at 0, where no alert does", steps(SLOW, 0)),
    Broken("series", RATE, "nobody emits lms_logins_totals: declare it", asks("sum(lms_logins_totals)")),
    Broken(
        "series",
        "annotation Starts",
        "nobody emits upp",
        lambda board: board.annotations[0].update(expr="upp"),
    ),
    Broken("series", RATE, 'never has http_method="GET"', asks(_RATE + '{http_method="GET"}')),
    Broken("series", RATE, 'never has url_scheme="ftp"', asks(_RATE + '{url_scheme="ftp"}')),
    Broken(
        "label",
        RATE,
        "{{route}} of query A stays empty: add it to `by (…)`, or use one of http_route.",
        query(RATE, legendFormat="{{route}}"),
    ),
    Broken(
        "label",
        "annotation Starts",
        "{{instance}} of query A stays empty",
        lambda board: board.annotations[0].update(expr="sum by (job) (up)"),
    ),
    Broken("label", ROUTES, "its column 'route' stays empty", columns("route", "Value")),
    Broken("label", ROUTES, "no query gives its column 'Value #A': use Value.", columns("Value #A")),
    Broken("label", ROUTES, "query A has no route, by which the table joins", joined("route")),
    Broken("link", RATE, "there is no board 'lms-nothing'", link("/d/lms-nothing")),
    Broken("link", RATE, "the board sample has no variable 'route'", link("/d/sample?var-route=x")),
    Broken("link", RATE, "the board sample has no panel 12", link("/d/sample?viewPanel=12")),
    Broken(
        "link",
        RATE,
        "has the variable $route, which the board has not",
        link("/d/sample?var-service=${route}"),
    ),
    Broken("link", RATE, "no variable as its host", link("https://grafana.example/d/sample")),
    Broken(
        "link",
        WORDS,
        "no board 'gone'",
        lambda board: panel(board, WORDS)["options"].update(content="[x](/d/gone)"),
    ),
    Broken(
        "link",
        RATE,
        "there is no page docs/gone.md",
        on(RATE, description="How much it is used: docs/gone.md."),
    ),
    Broken(
        "link",
        "link Boards",
        "no board has the tag 'sml'",
        lambda board: board.content["links"][0].update(tags=["sml"]),
    ),
    Broken("variable", RATE, "there is no variable $route: add it", asks('up{job=~"$route"}')),
    Broken(
        "variable", "variable spare", "drop it from the board", lambda board: board.variables.append(_SPARE)
    ),
    Broken(
        "variable",
        "variable environment",
        "$service, which comes later",
        variable("environment", query=_LATER),
    ),
    Broken("refresh", "the board", "can refresh every 5s, but data comes every 15s", whole(refresh="5s")),
    Broken("refresh", "the board", "no time range at first", whole(time={})),
)


def found(board: Shown) -> list[Fault]:
    return faults([board])


def test_the_sample_has_no_fault() -> None:
    assert found(sample()) == []


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_a_broken_board_is_refused(broken: Broken) -> None:
    board = sample()
    broken.change(board)
    told = [fault for fault in found(board) if (fault.rule, fault.panel) == (broken.rule, broken.panel)]
    assert any(broken.says in fault.text for fault in told), found(board)
    assert all(str(fault).startswith(f"sample: {broken.panel!r}: ") for fault in told)


def test_every_rule_has_a_board_that_breaks_it() -> None:
    assert {broken.rule for broken in BROKEN} == set(RULES)


def test_two_boards_of_one_uid_are_refused() -> None:
    [told] = faults([sample(), sample()])
    assert "another board has this uid, and one would replace the other: choose another" in str(told)


def test_a_window_may_be_what_the_words_say() -> None:
    board = sample()
    target(board, ROUTES)["expr"] = f"sum(increase({_RATE}[7d]))"
    panel(board, ROUTES)["description"] = "What each route answered within a week, the busiest first."
    assert found(board) == []


@pytest.mark.parametrize(
    ("text", "span", "said"),
    [
        ("in the last five minutes", "5m", True),
        ("per hour", "1h", True),
        ("over 6 hours", "6h", True),
        ("last week", "7d", True),
        ("a day ago", "24h", True),
        ("over 15 minutes", "5m", False),
        ("in the last hours", "1h", False),
        ("recently", "5m", False),
    ],
)
def test_windows_in_words(text: str, span: str, *, said: bool) -> None:
    assert says(text, span) is said
