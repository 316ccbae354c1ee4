"""Links to Explore lead to the stores' own pages, with their range."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from stack.boards.explore import redirected
from tests.stack.boards.serving import settings

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
SLOW = '{ resource.service.name =~ "lms" && kind = server && status = error && duration > 1s }'


def explored(folder: Path, panes: object) -> tuple[str, dict[str, str]]:
    """Returns the page that a link to Explore leads to, and what it is asked for."""
    text = panes if isinstance(panes, str) else json.dumps({"a": panes})
    leads = redirected({"panes": text}, settings(folder))
    page, _, query = leads.removeprefix("http://").partition("?")
    return page[page.find("/") :], dict(parse_qsl(query))


def test_a_trace_in_explore_is_the_stores_page(tmp_path: Path) -> None:
    assert explored(tmp_path, {"queries": [{"query": TRACE_ID}]}) == (f"/trace/{TRACE_ID}", {})


@pytest.mark.parametrize(
    ("given", "end", "length"),
    [
        ({"from": "1700000000000", "to": "1700001800000"}, "2023-11-14T22:43:20Z", 1800),
        ({"from": 1700000000000, "to": 1700001800000}, "2023-11-14T22:43:20Z", 1800),
        ({"from": "now-6h", "to": "now-2h"}, None, 14400),
        ({"from": "yesterday", "to": "now"}, None, 3600),
        ({}, None, 3600),
        ("nothing", None, 3600),
    ],
)
def test_logs_in_explore_are_the_stores_page_with_the_range(
    tmp_path: Path, given: object, end: str | None, length: int
) -> None:
    page, asked = explored(tmp_path, {"queries": [{"expr": '{service_name="lms"}'}], "range": given})
    assert page == "/select/vmui/#/"
    assert asked["query"] == '"service.name":="lms"'
    assert asked["g0.range_input"] == f"{length}s"
    assert asked["g0.relative_time"] == "none"
    shown = datetime.fromisoformat(asked["g0.end_input"])
    ago = 2 * 3600 if length == 14400 else 0
    expected = datetime.fromisoformat(end) if end else datetime.now(UTC) - timedelta(seconds=ago)
    assert abs(shown - expected) < timedelta(seconds=20)


def test_logql_of_others_in_explore_is_every_line(tmp_path: Path) -> None:
    _, asked = explored(tmp_path, {"queries": [{"expr": '{a="b"} | logfmt'}]})
    assert asked["query"] == "*"


def test_a_search_in_explore_is_jaegers(tmp_path: Path) -> None:
    spread = {"from": "1700000000000", "to": "1700001800000"}
    page, asked = explored(tmp_path, {"queries": [{"query": SLOW}], "range": spread})
    assert page == "/search"
    assert json.loads(asked.pop("tags")) == {"span.kind": "server", "error": "true"}
    assert asked == {
        "service": "lms",
        "minDuration": "1000000us",
        "lookback": "custom",
        "start": "1700000000000000",
        "end": "1700001800000000",
    }
    _, asked = explored(tmp_path, {"queries": [{"query": "{ any } | other()"}], "range": spread})
    assert asked.keys() == {"lookback", "start", "end"}


@pytest.mark.parametrize("panes", ["[]", "[" * 20_000, "{", ""])
def test_what_is_no_link_to_explore_leads_to_the_boards(tmp_path: Path, panes: str) -> None:
    assert explored(tmp_path, panes) == ("/dashboards", {})
