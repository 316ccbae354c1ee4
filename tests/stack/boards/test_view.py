"""Panels of each kind, asked of a real Prometheus; and stores that are away."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.stack.boards.serving import LOGS, log_in, panel, scraped, served, settings, write_board

UP = {"expr": 'up{job=~"$job"}', "legendFormat": "{{job}}"}
NOW = UP | {"instant": True}
NOTHING = {"expr": "nothing_has_this_name"}
STEPS = {"mode": "absolute", "steps": [{"color": "#009E73", "value": None}, {"color": "#D55E00", "value": 1}]}
STATES = [{"type": "value", "options": {"1": {"text": "up", "color": "#009E73"}}}]


def field(**changes: object) -> dict[str, Any]:
    return {"defaults": {"unit": "short", "noValue": "nothing yet"} | changes}


PANELS = [
    panel(1, "stat", NOW, fieldConfig=field(mappings=STATES)),
    panel(
        2,
        "bargauge",
        {"expr": "prometheus_http_requests_total", "instant": True, "legendFormat": "{{handler}}"},
    ),
    panel(
        3, "timeseries", UP, fieldConfig=field(thresholds=STEPS, custom={"thresholdsStyle": {"mode": "line"}})
    ),
    panel(
        4,
        "heatmap",
        {"expr": "sum by (le) (prometheus_http_request_duration_seconds_bucket)", "format": "heatmap"},
    ),
    panel(
        5,
        "table",
        NOW | {"format": "table"},
        transformations=[
            {"id": "filterFieldsByName", "options": {"include": {"names": ["job", "Value"]}}},
            {
                "id": "organize",
                "options": {"indexByName": {"job": 0, "Value": 1}, "renameByName": {"job": "Job"}},
            },
        ],
        fieldConfig=field(
            links=[{"title": "Job", "url": "/d/x?var-job=${__data.fields.job}&${__url_time_range}"}]
        ),
    ),
    panel(6, "state-timeline", UP, fieldConfig=field(mappings=STATES)),
    panel(7, "text", options={"content": "**Hello** $job <b>there</b>"}),
    panel(8, "timeseries", NOTHING),
    panel(9, "logs", {"expr": '{service_name="lms"}', "datasource": LOGS}),
    panel(10, "alertlist"),
    panel(11, "table", {"query": "{ status = error }", "datasource": {"type": "tempo"}}),
    panel(12, "stat", {"expr": 'up{job="$nobody"}'}),
    panel(13, "stat", {"expr": "sum by ("}),
    panel(14, "table", NOW, transformations=[{"id": "groupBy", "options": {}}]),
]


@pytest.fixture(scope="module")
def prometheus_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with scraped(tmp_path_factory.mktemp("prometheus")) as url:
        yield url


@pytest.fixture
async def client(tmp_path: Path, prometheus_url: str) -> AsyncIterator[httpx.AsyncClient]:
    note = {
        "name": "Started",
        "datasource": {"type": "prometheus"},
        "expr": "up",
        "titleFormat": "{{job}} came",
    }
    write_board(tmp_path / "boards", *PANELS, annotations={"list": [note]})
    async with served(settings(tmp_path, prometheus_url), tmp_path / "boards") as found:
        await log_in(found)
        yield found


def around_now() -> dict[str, str]:
    """Returns a range that ends after now: graphs end at a multiple of their step, seconds ago."""
    now = time.time()
    return {"from": f"{(now - 300) * 1000:.0f}", "to": f"{(now + 30) * 1000:.0f}"}


async def drawn(client: httpx.AsyncClient, number: int, **query: str) -> Mapping[str, Any]:
    answer = await client.get(f"/api/boards/a-board/panels/{number}", params=around_now() | query)
    assert answer.status_code == 200
    return dict(answer.json())


async def test_the_frame_has_everything_but_the_content(client: httpx.AsyncClient) -> None:
    frame = (await client.get("/api/boards/a-board")).json()
    assert (frame["title"], frame["said"]) == ("A board", "")
    [job] = frame["variables"]
    assert (job["name"], job["options"], job["chosen"]) == ("job", ["prometheus"], ["$__all"])
    assert [each["id"] for row in frame["rows"] for each in row["panels"]] == list(range(1, 15))
    assert "expr" not in str(frame)


async def test_a_state_is_shown_as_its_text(client: httpx.AsyncClient) -> None:
    shown = await drawn(client, 1)
    assert shown["kind"] == "stats"
    assert [(each["name"], each["text"], each["color"]) for each in shown["values"]] == [
        ("prometheus", "up", "#009E73")
    ]


async def test_bars_begin_with_the_largest(client: httpx.AsyncClient) -> None:
    shares = [each["share"] for each in (await drawn(client, 2))["values"]]
    assert len(shares) > 2
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == 1


async def test_lines_have_points_and_the_limit(client: httpx.AsyncClient) -> None:
    shown = await drawn(client, 3)
    [line] = shown["data"]
    assert line["name"] == "prometheus"
    assert 1 in line["y"]
    assert [(each["y0"], each["line"]["color"]) for each in shown["layout"]["shapes"]] == [(1, "#D55E00")]


async def test_a_histogram_is_shown_by_bucket(client: httpx.AsyncClient) -> None:
    shown = await drawn(client, 4)
    names = shown["layout"]["yaxis"]["ticktext"]
    assert names[0] == "0.1"
    assert names[-1] == "∞"
    [heat] = shown["data"]
    assert len(heat["z"]) == len(names)
    assert all(count is None or count > 0 for row in heat["z"] for count in row)


async def test_a_table_has_the_boards_columns_and_links(client: httpx.AsyncClient) -> None:
    shown = await drawn(client, 5, **{"from": "now-5m", "to": "now"})
    assert shown["columns"] == [{"title": "Job", "number": False}, {"title": "Value", "number": True}]
    [[job, value]] = shown["rows"]
    assert (job["text"], value["text"]) == ("prometheus", "1")
    assert value["links"] == [{"title": "Job", "url": "/d/x?var-job=prometheus&from=now-5m&to=now"}]


async def test_states_over_time_are_bars(client: httpx.AsyncClient) -> None:
    [state] = (await drawn(client, 6))["data"]
    assert (state["name"], state["y"], state["marker"]["color"]) == ("up", ["prometheus"], "#009E73")
    assert state["x"][0] >= 15_000


async def test_markdown_is_shown_and_html_is_not(client: httpx.AsyncClient) -> None:
    html = (await drawn(client, 7))["html"]
    assert html == "<p><strong>Hello</strong> All &lt;b&gt;there&lt;/b&gt;</p>\n"


async def test_no_data_is_shown_in_the_boards_words(client: httpx.AsyncClient) -> None:
    assert await drawn(client, 8) == {"kind": "empty", "text": "nothing yet"}


@pytest.mark.parametrize(("number", "store"), [(9, "VictoriaLogs"), (10, "Alertmanager"), (11, "Jaeger")])
async def test_a_store_that_is_away_is_named_and_the_others_live(
    client: httpx.AsyncClient, number: int, store: str
) -> None:
    first = await drawn(client, number)
    assert first["kind"] == "error"
    assert first["text"].startswith(f"{store} is away, noticed at 20")
    assert "does not answer (ConnectError)" in first["text"]
    assert await drawn(client, number) == first
    assert (await drawn(client, 1))["kind"] == "stats"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (12, "a-board: 'stat 12': there is no variable $nobody: add it to the board"),
        (13, "Prometheus refused the query: it answered 400"),
        (14, "'table 14': nothing does 'groupBy': use one of filterFieldsByName"),
    ],
)
async def test_a_wrong_panel_is_named(client: httpx.AsyncClient, number: int, said: str) -> None:
    shown = await drawn(client, number)
    assert shown["kind"] == "error"
    assert shown["text"].startswith(said)


async def test_a_choice_and_a_range_count(client: httpx.AsyncClient) -> None:
    assert (await drawn(client, 3, **{"var-job": "nobody"}))["kind"] == "empty"
    assert (await drawn(client, 3, **{"var-job": "prometheus"}))["kind"] == "plot"
    long_ago = {"from": "1500000000000", "to": "1500003600000"}
    assert (await drawn(client, 3, **long_ago))["kind"] == "empty"


async def test_annotations_begin_once(client: httpx.AsyncClient) -> None:
    [note] = (await client.get("/api/boards/a-board/notes", params=around_now())).json()
    assert note["text"] == "prometheus came"


async def test_a_board_without_its_metrics_is_there(tmp_path: Path) -> None:
    write_board(tmp_path / "boards", *PANELS)
    async with served(settings(tmp_path), tmp_path / "boards") as client:
        await log_in(client)
        frame = (await client.get("/api/boards/a-board")).json()
        assert frame["said"].startswith("Prometheus is away")
        assert len(frame["rows"][0]["panels"]) == len(PANELS)
        assert (await drawn(client, 7))["kind"] == "html"
        assert (await client.get("/api/boards/a-board/notes")).json() == []
