from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stack.boards.dashboards import Dashboard, DashboardError, Place, load, read

METRICS = {"type": "prometheus", "uid": "${metrics}"}


def panel(number: int, **changes: object) -> dict[str, Any]:
    found = {
        "id": number,
        "type": "stat",
        "title": f"Panel {number}",
        "description": "What it means.",
        "gridPos": {"x": 0, "y": number, "w": 12, "h": 8},
        "datasource": METRICS,
        "targets": [{"refId": "A", "expr": "up", "instant": True, "datasource": METRICS}],
    }
    return found | changes


def row(title: str, *inside: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": 1000,
        "type": "row",
        "title": title,
        "collapsed": bool(inside),
        "panels": list(inside),
        "gridPos": {"x": 0, "y": 0, "w": 24, "h": 1},
    }


def board(folder: Path, *panels: dict[str, Any], **changes: object) -> Dashboard:
    path = folder / "board.json"
    path.write_text(json.dumps({"uid": "a-board", "title": "A board", "panels": list(panels)} | changes))
    return read(path)


def test_our_boards_are_read() -> None:
    boards = {each.uid: each for each in load()}
    assert "lms-api" in boards
    for each in boards.values():
        assert each.panels
        assert each.description
        assert all(panel.targets or panel.kind in {"text", "alertlist"} for panel in each.panels)
        assert all(target.text for panel in each.panels for target in panel.targets)
        assert len({panel.id for panel in each.panels}) == len(each.panels)


def test_panels_are_in_the_row_above_them(tmp_path: Path) -> None:
    found = board(tmp_path, panel(1), row("Open"), panel(2), panel(3), row("Closed", panel(4)), panel(5))
    rows = [(each.title, each.collapsed, [panel.id for panel in each.panels]) for each in found.rows]
    assert rows == [("", False, [1]), ("Open", False, [2, 3]), ("Closed", True, [4]), ("", False, [5])]
    assert [panel.id for panel in found.panels] == [1, 2, 3, 4, 5]
    assert found.panels[0].place == Place(0, 1, 12, 8)


def test_queries_are_read_for_each_source(tmp_path: Path) -> None:
    targets = [
        {"refId": "A", "expr": "up", "legendFormat": "{{job}}", "format": "heatmap", "exemplar": True},
        {
            "refId": "B",
            "datasource": {"type": "loki"},
            "expr": "{a=`b`}",
            "queryType": "instant",
            "maxLines": 9,
        },
        {"refId": "C", "datasource": {"type": "tempo"}, "query": "{}", "limit": 20},
    ]
    a, b, c = board(tmp_path, panel(1, targets=targets)).panels[0].targets
    assert (a.source, a.text, a.legend, a.instant, a.format, a.exemplars) == (
        *("metrics", "up", "{{job}}", False, "heatmap", True),
    )
    assert (b.source, b.text, b.instant, b.most) == ("logs", "{a=`b`}", True, 9)
    assert (c.source, c.text, c.most) == ("traces", "{}", 20)


def test_annotations_and_variables_are_read(tmp_path: Path) -> None:
    note = {"name": "Deploys", "datasource": METRICS, "expr": "x", "titleFormat": "{{a}}", "iconColor": "red"}
    built_in = {"builtIn": 1, "name": "Grafana's own", "datasource": {"type": "grafana"}}
    chosen = {"value": ["$__all"], "text": ["All"]}
    service = {
        "name": "service",
        "label": "Service",
        "type": "query",
        "query": {"query": "label_values(up, job)"},
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": chosen,
    }
    search = {"name": "search", "type": "textbox", "query": "given"}
    found = board(
        tmp_path,
        panel(1),
        annotations={"list": [built_in, note]},
        templating={"list": [service, search]},
        time={"from": "now-6h", "to": "now"},
    )
    assert [(each.name, each.target.text, each.title, each.color) for each in found.annotations] == [
        ("Deploys", "x", "{{a}}", "red")
    ]
    first, second = found.variables
    assert (first.name, first.label, first.query) == ("service", "Service", "label_values(up, job)")
    assert (first.several, first.with_all, first.all_value, first.chosen) == (True, True, ".*", ("$__all",))
    assert (second.name, second.label, second.kind, second.query) == ("search", "search", "textbox", "given")
    assert (found.start, found.end) == ("now-6h", "now")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "gauge"}, "a-board: 'Panel 1': nothing draws the kind 'gauge': use one of stat, "),
        ({"datasource": {"type": "mysql"}}, "a-board: 'Panel 1': no data source has the type 'mysql'"),
        ({"gridPos": None}, "board.json is no dashboard (TypeError"),
    ],
)
def test_what_cannot_be_drawn_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    wrong = panel(1, targets=[{"expr": "up"}], **change)
    with pytest.raises(DashboardError, match=r".") as refused:
        board(tmp_path, wrong)
    assert said in str(refused.value)


def test_a_file_that_is_no_dashboard_is_named(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(DashboardError, match=r"^list\.json is no dashboard"):
        load(tmp_path)


def test_a_uid_belongs_to_one_board(tmp_path: Path) -> None:
    for name in ("one", "two"):
        text = json.dumps({"uid": "same", "title": name, "panels": []})
        (tmp_path / f"{name}.json").write_text(text)
    with pytest.raises(DashboardError, match="same: two boards have this uid, one and two"):
        load(tmp_path)
