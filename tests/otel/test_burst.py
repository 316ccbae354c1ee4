"""A burst of one failure hides no other, neither in the log nor among the error reports."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from fastapi import FastAPI, HTTPException

import otel
from otel.burst import BurstLimiter, Failure, failure_of
from otel.config.settings import TelemetryConfig
from otel.errors.sentry import capture
from otel.testing import Captured, capture_telemetry
from tests.otel.asgi import request
from tests.programs import wait_until

MANY = 120


def fail(text: str) -> None:
    raise LookupError(text)


def fail_elsewhere(text: str) -> None:
    raise LookupError(text)


def fail_otherwise(text: str) -> None:
    raise KeyError(text)


@dataclass(frozen=True)
class Other:
    """A failure other than `fail` on /burst: what fails, and on which path."""

    name: str
    function: Callable[[str], None]
    path: str


OTHERS = [
    Other("another type", fail_otherwise, "/burst"),
    Other("another line", fail_elsewhere, "/burst"),
    Other("another route", fail, "/other"),
]


def application() -> FastAPI:
    app = FastAPI()
    functions = {each.__name__: each for each in (fail, fail_elsewhere, fail_otherwise)}

    @app.get("/burst")
    @app.get("/other")
    async def failing(function: str, text: str) -> None:
        functions[function](text)

    otel.instrument(app, render_error=otel.render_problem)
    return app


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: other.name)
async def test_another_failure_after_a_burst_is_reported_everywhere(captured: Captured, other: Other) -> None:
    app = application()
    for number in range(MANY):
        await request(app, "/burst", query=f"function=fail&text=burst-{number}")
    await request(app, other.path, query=f"function={other.function.__name__}&text=the-other")

    messages = [event["exception"]["values"][-1]["value"] for event in captured.errors]
    assert (len(messages), "the-other" in messages[-1]) == (21, True)
    records = [log for log in captured.logs if log.body == "unhandled_error"]
    texts = [str(record.attributes["exception.message"]) for record in records]
    assert (len(texts), "the-other" in texts[-1]) == (51, True)


async def test_held_back_reports_are_counted(captured: Captured) -> None:
    app = application()
    for number in range(MANY):
        await request(app, "/burst", query=f"function=fail&text=burst-{number}")
    assert captured.telemetry.error_reports() == {"captured": MANY, "dropped": {"burst": 100}}
    assert captured.value("telemetry.events.dropped", {"reason": "burst"}) == 100


def test_the_report_after_a_burst_says_how_many_were_held_back() -> None:
    config = TelemetryConfig(service_name="test", runtime_metrics=False, error_burst=1, log_burst_seconds=0.1)
    with capture_telemetry(config=config) as captured:
        assert capture(LookupError("first"), None) is not None
        wait_until(lambda: capture(LookupError("again"), None) is not None, "a report is taken again")
        reports = captured.telemetry.error_reports()
    assert reports is not None
    assert captured.errors[1]["contexts"]["burst"] == {"suppressed": reports["dropped"]["burst"]}
    assert reports["captured"] == 2 + reports["dropped"]["burst"]


def test_intended_responses_do_not_count_towards_a_burst(captured: Captured) -> None:
    for _ in range(MANY):
        assert capture(HTTPException(404), None) is None
    assert captured.telemetry.error_reports() == {"captured": 0, "dropped": {"filtered": MANY}}


async def test_error_records_without_an_exception_are_limited_per_route(captured: Captured) -> None:
    app = FastAPI()

    @app.get("/burst")
    @app.get("/other")
    async def failing() -> None:
        logging.getLogger("app").error("the database is away")

    otel.instrument(app, render_error=otel.render_problem)
    for _ in range(MANY):
        await request(app, "/burst")
    await request(app, "/other")
    routes = [log.attributes.get("http.route") for log in captured.logs if log.body == "the database is away"]
    assert (routes.count("/burst"), routes.count("/other")) == (50, 1)


async def test_the_count_of_held_back_records_names_the_failure_but_no_request() -> None:
    config = TelemetryConfig(service_name="test", runtime_metrics=False, log_format="json", log_burst=1)
    with capture_telemetry(config=config) as captured:
        app = application()
        for _ in range(3):
            await request(app, "/burst", query="function=fail&text=again")
    [count] = [line for line in captured.lines if '"suppressed"' in line]
    assert '"suppressed":2' in count
    assert '"exception.type":"LookupError"' in count
    assert '"http.route":"/burst"' in count
    assert "request_id" not in count


def test_a_failure_is_identified_by_type_route_and_line() -> None:
    with pytest.raises(LookupError) as raised:
        fail("x")
    failure = failure_of(raised.value, "/burst")
    assert failure == Failure(
        "builtins.LookupError", "/burst", f"{__name__}.fail", fail.__code__.co_firstlineno + 1
    )
    assert failure_of(LookupError("never raised"), None) == Failure("builtins.LookupError", None)


def test_a_burst_of_one_kind_holds_back_only_that_kind() -> None:
    bursts = BurstLimiter[str](1, 10, lambda: 0.0)
    assert [bursts.admit(kind) for kind in ("a", "a", "b", "a", "b")] == [0, None, 0, None, None]
