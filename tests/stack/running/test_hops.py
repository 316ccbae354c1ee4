"""From a dot in a panel to its trace, its log lines and its error report, by the links that Grafana gets."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import httpx
import pytest

from grafana.log_queries import equal, lines
from stack.boards.dashboards import Panel, Target, load
from stack.boards.expansion import Value, expand
from stack.boards.window import Window
from stack.error_links import PLACE, error_link
from stack.native.native_stack import NativeStack
from tests.grafana import hops
from tests.grafana.provisioned import SOURCES, data_sources
from tests.programs import wait_until
from tests.stack.running.learner import Platform
from tests.stack.running.stores import SERVICE, Stores

pytestmark = pytest.mark.stack

BOARD: Final = "lms-api"
RESOURCE: Final = {"service.name": SERVICE}


@dataclass(frozen=True)
class Dot:
    """An exemplar of a failed request: its labels, and the request's id."""

    labels: dict[str, str]
    request_id: str


@pytest.fixture(scope="module", name="sources")
def _sources(stack: NativeStack) -> dict[str, Any]:
    before, _, after = error_link(stack.environment).partition(PLACE)
    variables = {"LOKI_URL": "", "ERRORS_BEFORE_TRACE": before, "ERRORS_AFTER_TRACE": after}
    return data_sources(SOURCES, variables)


@pytest.fixture(scope="module", name="dot")
def _dot(platform: Platform, stores: Stores) -> Dot:
    """A dot of the heatmap; requests fail until one is an exemplar: only the last of a bucket is kept."""
    student = platform.student()
    sent: dict[str, str] = {}
    found: list[Dot] = []

    def seen() -> bool:
        request_id = f"hop-{len(sent)}"
        answer = student.post("/demo/transcripts", request_id=request_id)
        sent[answer.json()["trace_id"]] = request_id
        mine = (each for each in exemplars(stores) if each["trace_id"] in sent)
        found.extend(Dot(each, sent[each["trace_id"]]) for each in mine)
        return bool(found)

    wait_until(seen, "a failed request is an exemplar")
    return found[0]


def exemplars(stores: Stores) -> Iterator[dict[str, str]]:
    """Yields the exemplars of the panel that shows them, as Grafana asks for them."""
    [(panel, target)] = shown()
    now = time.time()
    window = Window(now - 3600, now)
    board = next(board for board in load() if board.uid == BOARD)
    everything = {each.name: Value((), everything=each.all_value) for each in board.variables}
    query = expand(target.text, everything, window, where=panel.title)
    answer = stores._get(
        "prometheus", "/api/v1/query_exemplars", query=query, start=f"{now - 3600}", end=f"{now}"
    )
    for series in answer["data"]:
        yield from (each["labels"] for each in series["exemplars"])


def shown() -> list[tuple[Panel, Target]]:
    board = next(board for board in load() if board.uid == BOARD)
    return [
        (panel, target)
        for panel in board.panels
        for target in panel.targets
        if target.exemplars and panel.kind == "heatmap"
    ]


def test_a_dot_leads_to_its_trace(dot: Dot, sources: dict[str, Any], stores: Stores) -> None:
    trace, _ = hops.of_exemplar(sources["prometheus"], dot.labels)
    assert trace == ("tempo", dot.labels["trace_id"])
    wait_until(lambda: stores.spans(dot.request_id), "the trace is stored")
    assert {span.trace_id for span in stores.spans(dot.request_id)} == {trace[1]}


def test_the_trace_leads_to_its_log_lines_and_they_back(
    dot: Dot, sources: dict[str, Any], stores: Stores
) -> None:
    trace_id = dot.labels["trace_id"]
    query = hops.logs_of_span(sources["tempo"], trace_id, RESOURCE)
    # The form that the stand-in translates for the log store of this stack.
    assert query == lines(equal("trace_id", trace_id), chosen=f'{{service_name="{SERVICE}"}}')
    wait_until(lambda: len(stores.logs(dot.request_id)) > 1, "the log lines are stored")
    records = stores.logs(dot.request_id)
    back = [hops.of_line(sources["loki"], record) for record in records]
    assert all(each["trace_id"] == ("tempo", trace_id) for each in back)


def test_the_trace_leads_to_the_metrics_of_its_service(sources: dict[str, Any], stores: Stores) -> None:
    queries = hops.metrics_of_span(sources["tempo"], RESOURCE, "1m")
    assert len(queries) > 1
    for name, query in queries.items():
        wait_until(partial(stores.totals, query), f"{name} has data")


def test_everything_leads_to_the_error_report(
    dot: Dot, sources: dict[str, Any], stores: Stores, stack: NativeStack
) -> None:
    trace_id = dot.labels["trace_id"]
    wait_until(lambda: stores.logs(dot.request_id), "the log lines are stored")
    of_exemplar = hops.of_exemplar(sources["prometheus"], dot.labels)[1][1]
    of_line = hops.of_line(sources["loki"], stores.logs(dot.request_id)[0])["error_report"][1]
    address = hops.error_report(sources["tempo"], trace_id)
    assert {of_exemplar, of_line, address} == {error_link(stack.environment).replace(PLACE, trace_id)}
    with closing(logged_in(stack)) as browser:
        wait_until(lambda: "TranscriptFailed" in browser.get(address).text, "the error report is found")
        assert "TranscriptFailed" not in browser.get(address.replace(trace_id, "0" * 32)).text


def logged_in(stack: NativeStack) -> httpx.Client:
    """Returns a browser in which the admin has logged in to the error tracker."""
    browser = httpx.Client(base_url=stack.url("bugsink"), follow_redirects=True, timeout=20)
    page = browser.get("/accounts/login/").raise_for_status().text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token
    form = {
        "csrfmiddlewaretoken": token[1],
        "username": stack.environment.app.admin_email,
        "password": stack.environment.stack.bugsink_password.get_secret_value(),
    }
    browser.post("/accounts/login/", data=form).raise_for_status()
    return browser
