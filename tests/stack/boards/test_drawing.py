"""What is drawn of series: colours, gaps, buckets, states, rows."""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import unquote

import pytest

from grafana import looks as theirs
from stack.boards.alerts import matchers, silence_url
from stack.boards.dashboards import DashboardError, Panel, Place, load
from stack.boards.drawing import cells, plots
from stack.boards.drawing.looks import PALETTE, color, colors, look
from stack.boards.expansion import ExpansionError
from stack.boards.frames import Exemplar, Firing, Series, joined, legend
from stack.boards.window import Window

WINDOW = Window.of("1700000000", "1700000600", now=0)
START = 1_700_000_000.0


def a_panel(**field: Any) -> Panel:  # noqa: ANN401 - Grafana's JSON
    return Panel(1, "A panel", "timeseries", "", Place(0, 0, 12, 8), (), {}, field)


def series(name: str, *points: tuple[float, float], **labels: str) -> Series:
    return Series(name, labels, [(START + at, value) for at, value in points])


def test_the_palette_is_grafanas() -> None:
    assert PALETTE == theirs.SERIES


def test_a_series_keeps_its_colour_when_others_come() -> None:
    few = dict(zip("ab", colors(a_panel(), ["a", "b"], [1, 1]), strict=True))
    many = dict(zip("cab", colors(a_panel(), ["c", "a", "b"], [1, 1, 1]), strict=True))
    assert many["a"] == few["a"]
    assert len(set(many.values())) == 3


def test_a_line_is_not_drawn_over_a_gap() -> None:
    drawn = plots.lines(a_panel(), [series("a", (0, 1), (15, math.nan), (30, 3), (120, 4))], WINDOW, "", [])
    assert drawn["data"][0]["y"] == [1, None, 3, None, 4]


def test_buckets_are_differences_sorted_by_number() -> None:
    found = [
        series("10", (0, 9), (15, 20), le="10"),
        series("+Inf", (0, 9), (15, 21), le="+Inf"),
        series("2", (0, 4), (15, 5), le="2"),
    ]
    exemplars = [Exemplar(START, 5, "trace-1"), Exemplar(START, 50, "trace-2")]
    drawn = plots.heat(a_panel(unit="s"), found, WINDOW, "/trace/{trace_id}", exemplars)
    heat, dots = drawn["data"]
    assert drawn["layout"]["yaxis"]["ticktext"] == ["2 s", "10 s", "∞"]
    assert heat["z"] == [[4, 5], [5, 15], [None, 1]]
    assert dots["y"] == [1, 2]
    assert dots["customdata"] == ["/trace/trace-1", "/trace/trace-2"]


def test_a_pause_of_a_histogram_is_not_painted_over() -> None:
    found = [series("1", (0, 1), (15, 2), (90, 3), (120, 4), le="1")]
    [heat] = plots.heat(a_panel(), found, WINDOW, "", [])["data"]
    assert [each / 1000 - START for each in heat["x"]] == [0, 15, 30, 75, 90, 105, 120]
    assert heat["z"] == [[1, 2, None, None, 3, None, 4]]


def test_a_histogram_without_observations_is_empty() -> None:
    found = [series("1", (0, 0), (15, 0), le="1"), series("+Inf", (0, 0), (15, 0), le="+Inf")]
    assert plots.heat(a_panel(), found, WINDOW, "", [])["data"] == []


@pytest.mark.parametrize("name", ["sortBy", "limit", "made up"])
def test_a_change_of_rows_that_nothing_does_is_refused(name: str) -> None:
    changed = Panel(1, "A panel", "table", "", Place(0, 0, 1, 1), (), {}, {}, transformations=({"id": name},))
    with pytest.raises(DashboardError, match=f"nothing does '{name}'"):
        cells.table(changed, [{"a": "x"}], lambda *_: {})


def test_equal_states_are_one_piece() -> None:
    panel = a_panel(mappings=[{"type": "value", "options": {"0": {"text": "down", "color": "#D55E00"}}}])
    drawn = plots.states(panel, [series("a", (0, 1), (15, 1), (30, 0), (45, 1))], WINDOW)
    pieces = {each["name"]: each["x"] for each in drawn["data"]}
    assert pieces == {"down": [15_000], "1": [30_000, 15_000]}


def test_a_value_has_the_colour_of_its_step() -> None:
    steps = [{"color": "#009E73", "value": None}, {"color": "#D55E00", "value": 0.5}]
    own = look(a_panel(thresholds={"steps": steps}, unit="percentunit"))
    assert [own.color(value) for value in (0, 0.5, 1)] == ["#009E73", "#D55E00", "#D55E00"]
    assert own.text(0.5) == "50%"


def test_an_override_is_of_one_name() -> None:
    override = {"matcher": {"id": "byName", "options": "b"}, "properties": [{"id": "unit", "value": "s"}]}
    panel = Panel(1, "", "table", "", Place(0, 0, 1, 1), (), {}, {"unit": "short"}, (override,))
    assert (look(panel, "a").unit, look(panel, "b").unit) == ("short", "s")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("${__field.displayName}", "5m"),
        ("all of ${__field.labels.service}", "all of lms"),
        ('${__field.labels["service"]}', "lms"),
        ("", "5m"),
    ],
)
def test_a_display_name_is_expanded(name: str, expected: str) -> None:
    own = look(a_panel(displayName=name))
    assert own.name(series("5m", (0, 1), service="lms")) == expected


def test_a_display_name_of_what_a_series_does_not_have_is_refused() -> None:
    own = look(a_panel(displayName="${__field.labels.route}"))
    with pytest.raises(
        ExpansionError, match=r"no variable \$\{__field.labels.route\}.*__field.labels.service"
    ):
        own.name(series("5m", (0, 1), service="lms"))


def drawn(panel: Panel, *names: str) -> list[str]:
    values = cells.bars(panel, [series(name, (0, 1)) for name in names], lambda *_: {})["values"]
    return [each["name"] for each in values]


def test_a_bar_that_is_alone_has_a_name_only_if_the_panel_gives_one() -> None:
    """As in Grafana (`clearNameForSingleSeries`)."""
    assert drawn(a_panel(), "a") == [""]
    assert drawn(a_panel(), "a", "b") == ["a", "b"]
    assert drawn(a_panel(displayName="${__field.displayName}"), "a") == ["a"]


def test_every_bar_of_our_boards_has_a_name() -> None:
    found = [panel for board in load() for panel in board.panels if panel.kind == "bargauge"]
    assert found
    assert [panel.title for panel in found if drawn(panel, "alone") != ["alone"]] == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [("#123456", "#123456"), ("semi-dark-red", "#D55E00"), ("url(evil)", PALETTE[-1]), (None, PALETTE[-1])],
)
def test_a_colour_is_a_colour(name: str | None, expected: str) -> None:
    assert color(name) == expected


def test_a_series_is_called_as_its_legend_says() -> None:
    labels = {"__name__": "up", "job": "lms"}
    assert legend("{{job}} {{ job }}", labels, "x") == "lms lms"
    assert legend("", labels, "x") == 'up{job="lms"}'
    assert legend("", {}, "A panel") == "A panel"
    assert legend("{{gone}}", labels, "A panel") == "A panel"


def test_tables_are_joined_by_a_label() -> None:
    first, second = [{"a": "x", "Value #A": 1.0}, {"a": "y", "Value #A": 2.0}], [{"a": "y", "Value #B": 3.0}]
    assert joined([first, second], "a") == [  # type: ignore[list-item]  # rows
        {"a": "x", "Value #A": 1.0},
        {"a": "y", "Value #A": 2.0, "Value #B": 3.0},
    ]


def test_an_alert_has_its_links() -> None:
    notes = {
        "summary": "It is down",
        "runbook_url": "http://a.example/r.md",
        "logs_url": "javascript:alert(1)",
    }
    labels = {"alertname": "LmsDown", "severity": "page", "path": 'a"b\\c'}
    [active] = cells.alerts([Firing(labels, notes, START, "active")], "http://am.example")["alerts"]
    assert [each["title"] for each in active["links"]] == ["Acknowledge", "Runbook"]
    address, _, wanted = active["links"][0]["url"].partition("?filter=")
    assert address == "http://am.example/#/silences/new"
    assert unquote(wanted) == r'{alertname="LmsDown",path="a\"b\\c",severity="page"}'
    [silenced] = cells.alerts([Firing(labels, notes, START, "suppressed")], "http://am.example")["alerts"]
    assert [each["title"] for each in silenced["links"]] == ["Runbook"]
    assert silence_url("http://am.example", {"a": "x" * 2000}) == "http://am.example/#/alerts"


def test_alerts_are_selected() -> None:
    assert matchers("") == matchers("{}") == []
    assert matchers('{a="b\\"c", d=~"e|f"}') == [("a", "=", 'b"c'), ("d", "=~", "e|f")]
    with pytest.raises(DashboardError, match="selects no alerts: write it like"):
        matchers("{a=b}")
