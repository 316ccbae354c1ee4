"""A board with a panel of most kinds, as a reader sees it in a real browser."""

from __future__ import annotations

import json
import time
from typing import Final

import httpx

from tests.programs import wait_until
from tests.stack.boards.serving import LOGS, METRICS, panel
from tests.stack.running.browser import Browser

REQUESTS: Final = {"expr": "sum by (handler) (prometheus_http_requests_total)", "legendFormat": "{{handler}}"}
LINES: Final = {"expr": '{service_name="lms"}', "datasource": LOGS}
LINK: Final = {"title": "Itself", "url": "/d/a-board?${__url_time_range}"}


def place(y: int) -> dict[str, int]:
    return {"x": 0, "y": y, "w": 12, "h": 8}


def note(metric: str) -> dict[str, object]:
    """Returns an annotation: Prometheus has begun to have this metric."""
    return {"name": metric, "datasource": METRICS, "expr": metric, "titleFormat": f"{metric} of {{{{job}}}}"}


MORE: Final = {"type": "row", "title": "More", "collapsed": True, "gridPos": place(24)}
PANELS: Final = [
    panel(1, "timeseries", REQUESTS, gridPos=place(0), links=[LINK], description="What is asked for"),
    panel(2, "table", REQUESTS | {"instant": True, "format": "table"}, gridPos=place(8)),
    panel(3, "logs", LINES, datasource=LOGS, gridPos=place(16)),
    panel(4, "state-timeline", {"expr": "up", "legendFormat": "{{job}}"}, gridPos=place(8) | {"x": 12}),
    MORE | {"panels": [panel(5, "stat", REQUESTS, gridPos=place(25))]},
]
SEARCH: Final = {"name": "search", "type": "textbox", "label": "Search", "query": ""}
BOARD: Final = "/d/a-board?from=now-5m&to=now"
ASKED: Final = {"panels/1", "panels/2", "panels/3", "panels/4"}
ASKED_FOR: Final = """
    return performance.getEntriesByType('resource').map((each) => each.name.match(/panels.\\d+/)?.[0]);
"""


def first_look(browser: Browser) -> dict[int, tuple[str, str]]:
    """Opens the board; returns what its panels show."""
    browser.open(f"{BOARD}&refresh=off")
    browser.find(".panel")
    return browser.drawn()


def write_lines(url: str, texts: list[str], since: float = 60) -> None:
    """Writes log lines of the platform, beginning so many seconds ago."""
    now = time.time() - since
    lines = [
        {
            "_time": f"{now + index / 1000:.3f}",
            "_msg": text,
            "service.name": "lms",
            "severity_text": ("WARN", "ERROR")[index % 2],
        }
        for index, text in enumerate(texts)
    ]
    fields = {"_stream_fields": "service.name", "_time_field": "_time"}
    body = "\n".join(map(json.dumps, lines))
    httpx.post(f"{url}/insert/jsonline", params=fields, content=body).raise_for_status()
    httpx.get(f"{url}/internal/force_flush").raise_for_status()


def refreshed(board: Browser) -> None:
    """Asks for all panels again, and waits until they are drawn."""
    board.run("performance.clearResourceTimings()")
    board.find("button[name=refresh]").click()
    drawn_again(board)


def drawn_again(board: Browser) -> None:
    """Waits until that has happened."""
    wait_until(lambda: set(board.run(ASKED_FOR)) >= ASKED, "every open panel is asked for")
    board.drawn()
