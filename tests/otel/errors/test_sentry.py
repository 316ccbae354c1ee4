"""What reaches the error tracker: our own errors, described and linked to traces, without personal data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
import sentry_sdk
from fastapi import FastAPI, HTTPException
from opentelemetry import propagate, trace

import otel
from otel.config.settings import TelemetryConfig
from otel.errors.sentry import SentryHandle, _before_send, capture, configure_sentry
from otel.redaction.engine import Redactor
from otel.testing import Captured, capture_telemetry
from tests.otel.asgi import request
from tests.otel.intake import intake
from tests.otel.receiver import black_hole
from tests.otel.service import instrumented
from tests.programs import wait_until

FAIL = "/api/v1/courses/c1/fail"
ROUTE = "/api/v1/courses/{course_id}/fail"


@contextmanager
def reports(dsn: str) -> Iterator[SentryHandle]:
    handle = configure_sentry(TelemetryConfig(sentry_dsn=dsn, error_burst=0), Redactor())
    assert handle is not None
    try:
        yield handle
    finally:
        handle.close(1)


@pytest.fixture(name="app")
def _app(captured: Captured) -> FastAPI:
    app = instrumented()
    app.state.captured = captured
    return app


async def test_an_error_is_reported_once_with_its_request(app: FastAPI, captured: Captured) -> None:
    answer = await request(app, FAIL, method="POST")

    [event] = captured.errors
    span = next(span for span in captured.spans if span.kind == "SERVER")
    assert event["level"] == "error"
    assert event["transaction"] == f"POST {ROUTE}"
    assert event["fingerprint"] == ["tests.otel.service.Boom", ROUTE]
    assert event["user"] == {"id": "usr_1"}
    assert event["tags"] == {
        "route": ROUTE,
        "request_id": answer.headers["x-request-id"],
        "role": "student",
        "course": "c1",
        "attempt": "2",
    }
    assert event["contexts"]["trace"]["trace_id"] == span.trace_id
    assert event["contexts"]["trace"]["span_id"] == span.span_id
    assert event["exception"]["values"][0]["mechanism"] == {
        "type": "otel",
        "handled": False,
        "exception_id": 0,
    }


async def test_the_steps_before_the_error_are_reported_without_secrets(
    app: FastAPI, captured: Captured
) -> None:
    await request(app, FAIL, method="POST")

    crumb, record = captured.errors[0]["breadcrumbs"]["values"]
    assert (crumb["category"], crumb["message"]) == ("lms", "lms.enrolled")
    assert crumb["data"] == {"course_id": "c1", "password": "[redacted]"}
    assert (record["category"], record["message"], record["level"]) == ("courses", "about to fail", "info")
    assert record["data"] == {"service": "courses", "extra_text": "as expected"}
    assert "hunter2-in-breadcrumb" not in json.dumps(captured.errors)


async def test_one_user_does_not_inherit_the_steps_of_another(app: FastAPI, captured: Captured) -> None:
    for _ in range(3):
        await request(app, FAIL, method="POST")

    assert [len(event["breadcrumbs"]["values"]) for event in captured.errors] == [2, 2, 2]
    assert len({event["contexts"]["trace"]["trace_id"] for event in captured.errors}) == 3


async def test_the_steps_of_the_process_are_in_every_report(app: FastAPI, captured: Captured) -> None:
    for number in range(30):
        otel.process_breadcrumb("health.changed", number=number, password="hunter2-in-breadcrumb")
    await request(app, FAIL, method="POST")
    capture(ValueError("in the background"), None)

    for event in captured.errors:
        steps = [step for step in event["breadcrumbs"]["values"] if step["category"] == "health"]
        assert [step["data"]["number"] for step in steps] == list(range(10, 30))
    assert [len(event["breadcrumbs"]["values"]) for event in captured.errors] == [22, 20]
    assert "hunter2-in-breadcrumb" not in json.dumps(captured.errors)


async def test_local_variables_and_bodies_are_never_sent(app: FastAPI, captured: Captured) -> None:
    await request(app, FAIL, method="POST", body=b'{"text":"from the body"}', query="q=1")

    frames = captured.errors[0]["exception"]["values"][0]["stacktrace"]["frames"]
    assert frames
    assert all("vars" not in frame for frame in frames)
    assert captured.errors[0]["request"] == {"method": "POST", "url": FAIL}


@pytest.mark.parametrize(
    "path",
    ["/api/v1/courses/c1/refuse", "/api/v1/courses/c1/unavailable", "/nowhere", "/echo"],
)
async def test_an_intended_response_is_not_an_error(app: FastAPI, captured: Captured, path: str) -> None:
    await request(app, path)

    assert captured.errors == []


def test_release_and_environment_come_from_the_resource() -> None:
    attributes = {"service.version": "1.2", "deployment.environment.name": "staging"}
    with capture_telemetry(config=TelemetryConfig(resource_attributes=attributes)) as captured:
        capture(ValueError("alone"), None)
    assert (captured.errors[0]["release"], captured.errors[0]["environment"]) == ("1.2", "staging")


def test_an_event_that_we_did_not_capture_is_linked_and_redacted(captured: Captured) -> None:
    with trace.get_tracer("tests").start_as_current_span("inside") as span:
        sentry_sdk.capture_message("mail ada@school.example", tags={"password": "hunter2"})
        trace_id = f"{span.get_span_context().trace_id:032x}"

    [event] = captured.errors
    assert event["contexts"]["trace"]["trace_id"] == trace_id
    assert event["message"] == "mail [redacted]"
    assert "hunter2" not in json.dumps(event)


def test_propagation_stays_w3c(captured: Captured) -> None:
    carrier: dict[str, str] = {}
    with trace.get_tracer("tests").start_as_current_span("inside"):
        propagate.inject(carrier)
    assert set(carrier) == {"traceparent"}
    assert captured.errors == []


def test_an_event_arrives_at_the_intake() -> None:
    with intake() as server, reports(server.dsn) as handle:
        assert capture(ValueError("password=hunter2"), None) is not None
        handle.flush(5)
        assert (handle.captured, handle.dropped()) == (1, {})
    [event] = server.events
    assert event["exception"]["values"][0]["value"] == "password=[redacted]"
    assert event["fingerprint"] == ["builtins.ValueError", "no request"]


def test_lost_events_are_counted_by_reason() -> None:
    with intake(status=500) as server, reports(server.dsn) as handle:
        capture(ValueError("refused"), None)
        handle.flush(5)
        wait_until(lambda: handle.dropped() != {}, "a report is dropped", 5)
        assert sum(handle.dropped().values()) == 1
        assert server.asked >= 1


@pytest.mark.parametrize("rate", [0.0, 0.5, 1.0])
def test_reports_that_the_sample_rate_drops_count_as_captured_and_dropped(rate: float) -> None:
    with intake() as server:
        config = TelemetryConfig(sentry_dsn=server.dsn, sentry_sample_rate=rate)
        handle = configure_sentry(config, Redactor())
        assert handle is not None
        for number in range(20):
            capture(ValueError(str(number)), None)
            sentry_sdk.capture_message(f"of someone else {number}")
        handle.close(5)
        captured, dropped = handle.captured, handle.dropped()
    assert captured == len(server.events) + sum(dropped.values()) == 40
    assert dropped.keys() == ({"sample_rate"} if rate < 1 else set()) | dropped.keys() & {"burst"}


def test_a_report_whose_redaction_fails_counts_as_captured_and_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: object) -> None:
        raise ValueError("redaction failed")

    with intake() as server, reports(server.dsn) as handle:
        sentry_sdk.capture_message("arrives")
        sentry_sdk.flush(5)
        redactor = Redactor()
        monkeypatch.setattr(redactor, "mapping", fail)
        handle.client.options["before_send"] = _before_send(handle, redactor)
        sentry_sdk.capture_message("does not")
        handle.flush(5)
        assert (handle.captured, handle.dropped(), len(server.events)) == (2, {"callback_error": 1}, 1)


def test_a_filtered_event_is_counted_as_filtered(captured: Captured) -> None:
    assert capture(HTTPException(404, "no such course"), None) is None
    assert captured.errors == []
    assert captured.value("telemetry.events.dropped", {"reason": "filtered"}) == 1


def test_errors_outside_requests_are_grouped_by_the_function_that_raised(captured: Captured) -> None:
    def first() -> None:
        raise ValueError("1")

    def second() -> None:
        raise ValueError("2")

    for work in (first, second):
        with pytest.raises(ValueError, match=r"\d") as raised:
            work()
        capture(raised.value, None)
    places = [event["fingerprint"][1] for event in captured.errors]
    assert places == [f"{__name__}.{work.__qualname__}" for work in (first, second)]


def test_without_a_dsn_there_are_no_reports() -> None:
    assert configure_sentry(TelemetryConfig(), Redactor()) is None
    assert capture(ValueError("nobody listens"), None) is None


async def test_steps_are_limited_and_not_kept_without_reports(captured: Captured) -> None:
    app, seen = FastAPI(), []

    @app.get("/talkative")
    async def talkative() -> None:
        for number in range(1000):
            otel.breadcrumb("lms.step", number=number)
        request_ = otel.current_request()
        assert request_ is not None
        seen.append(request_.breadcrumbs and len(request_.breadcrumbs))

    otel.instrument(app)
    await request(app, "/talkative")
    captured.telemetry._parts.errors.close(0)  # type: ignore[union-attr]  # never None in a capture
    await request(app, "/talkative")
    assert seen == [50, None]


def test_outside_a_request_steps_and_users_are_ignored() -> None:
    otel.breadcrumb("lms.enrolled", course_id="c1")
    otel.set_user("usr_1", "student")
    assert otel.current_request() is None


@pytest.mark.parametrize("user", ["usr_1", 2**70, UUID(int=7)])
async def test_a_user_id_of_any_type_becomes_text(captured: Captured, user: str | int | UUID) -> None:
    app = FastAPI()

    @app.get("/fail")
    async def fail() -> None:
        otel.set_user(user, "student")
        otel.get_logger("lms").warning("about to fail")
        raise ValueError("as expected")

    otel.instrument(app, render_error=otel.render_problem)
    await request(app, "/fail")
    [span], [event] = captured.spans, captured.errors
    [record] = [each for each in captured.logs if each.body == "about to fail"]
    assert span.attributes["user.id"] == event["user"]["id"] == record.attributes["user.id"] == str(user)


def test_reports_beyond_the_queue_are_counted_as_lost_once() -> None:
    with black_hole() as url, reports(f"{url.replace('://', '://public@')}/7") as handle:
        taken = sum(capture(ValueError(str(number)), None) is not None for number in range(150))
        handle.close(0)
    lost = handle.dropped()
    assert (taken, sum(lost.values()), sorted(lost)) == (150, 150, ["queue_overflow", "shutdown"])
