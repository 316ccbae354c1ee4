"""Log lines: one per record whatever it holds, on the stream and over OTLP, rate-limited."""

from __future__ import annotations

import io
import json
import logging
import warnings

import pytest
import structlog
from opentelemetry import trace

from otel.config.settings import TelemetryConfig
from otel.logs.logger import configure_logging, get_logger
from otel.redaction.engine import Redactor
from otel.testing import Captured
from tests.otel.asgi import request
from tests.otel.conftest import RESOURCE, Lines, Log
from tests.otel.service import instrumented

FORGED = 'fine\n{"level":"error","event":"forged"}\r\x1b[2K\x7f\u2028\u202e\x85end'


def fail(text: str, cause: str | None = None) -> None:
    """Raises an error with this text."""
    raise ValueError(text) from (KeyError(cause) if cause else None)


def test_a_line_has_the_fields_of_the_contract(log_to: Log) -> None:
    lines = log_to()
    get_logger(service="enrollments", course_id="c1").info("enrolled", outcome="created")

    [entry] = lines.entries
    assert str(entry.pop("timestamp")).endswith("+00:00")
    assert entry == {
        "level": "info",
        "event": "enrolled",
        "logger": "enrollments",
        "service.name": "lms",
        "service.version": "1.2",
        "deployment.environment.name": "north",
        "service": "enrollments",
        "course_id": "c1",
        "outcome": "created",
    }


def test_libraries_and_plain_structlog_use_the_same_pipeline(log_to: Log) -> None:
    lines = log_to()
    logging.getLogger("uvicorn.error").info("listens on %s", "port", extra={"color": "green"})
    structlog.get_logger("plain").warning("noticed", count=2)
    # Bypass pytest's own handler, which raises on a library's mistake.
    broken = {"name": "broken", "levelname": "ERROR", "levelno": 40, "msg": "%d apples", "args": ("none",)}
    logging.getLogger().handlers[-1].handle(logging.makeLogRecord(broken))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old way", DeprecationWarning, stacklevel=1)

    events = [(entry["logger"], entry["level"]) for entry in lines.entries]
    assert events == [
        ("uvicorn.error", "info"), ("plain", "warning"), ("broken", "error"), ("py.warnings", "warning")
    ]  # fmt: skip
    assert lines.entries[0]["event"] == "listens on port"
    assert (lines.entries[0]["color"], lines.entries[1]["count"]) == ("green", 2)


@pytest.mark.parametrize("where", ["event", "field", "key", "exception", "logger"])
def test_no_text_can_forge_a_line(log_to: Log, where: str) -> None:
    lines = log_to()
    if where == "exception":
        try:
            fail(FORGED)
        except ValueError:
            get_logger("app").exception("failed")
    elif where == "logger":
        logging.getLogger(f"app.{FORGED}").warning("said")
    else:
        event, fields = (FORGED, {}) if where == "event" else ("said", {FORGED: 1})
        get_logger("app").warning(event, **({"who": FORGED} if where == "field" else fields))

    raw = lines.stream.getvalue()
    assert raw.count("\n") == 1
    assert raw[:-1].isascii()
    assert raw[:-1].isprintable()
    assert lines.entries[0]["event"] != "forged"


def test_no_text_can_forge_a_line_on_a_terminal(log_to: Log) -> None:
    lines = log_to(log_format="pretty")
    get_logger("app").warning(FORGED, who=FORGED, nested={"list": [FORGED]})
    try:
        fail(FORGED)
    except ValueError:
        get_logger("app").exception("failed")

    shown = lines.stream.getvalue().split("\n")
    entries = [line for line in shown if line and not line.startswith("    | ")]
    assert len(entries) == 2
    assert all(line.isprintable() for line in shown)


def test_a_field_cannot_replace_one_of_the_pipelines_own(log_to: Log) -> None:
    lines = log_to()
    get_logger("app").info("said", level="critical", logger="root", timestamp="never")

    [entry] = lines.entries
    assert (entry["level"], entry["logger"]) == ("info", "app")
    assert (entry["level_"], entry["logger_"], entry["timestamp_"]) == ("critical", "root", "never")


def test_an_error_is_logged_with_its_cause(log_to: Log) -> None:
    lines = log_to()
    try:
        fail("password=hunter2", "inner")
    except ValueError:
        logging.getLogger("library").exception("failed for %s", "ada@school.example")

    [entry] = lines.entries
    assert entry["exception.type"] == "ValueError"
    assert entry["exception.message"] == "password=[redacted]"
    assert "KeyError: 'inner'" in str(entry["exception.stacktrace"])
    assert "hunter2" not in lines.stream.getvalue()
    assert "ada@" not in lines.stream.getvalue()


def test_a_burst_is_limited_and_counted(log_to: Log) -> None:
    lines = log_to(log_burst=3, log_burst_seconds=600.0)
    for number in range(10):
        logging.getLogger("library").warning("retry %d", number)
        get_logger("access").info("request", number=number)

    by_logger = [entry["logger"] for entry in lines.entries]
    assert (by_logger.count("library"), by_logger.count("access")) == (3, 10)


def test_a_burst_that_nothing_follows_is_reported_at_shutdown() -> None:
    lines = Lines()
    config = TelemetryConfig(log_format="json", log_burst=3, log_burst_seconds=600.0)
    undo = configure_logging(
        config, logger_provider=None, redactor=Redactor(), resource=RESOURCE, stream=lines.stream
    )
    for _ in range(10):
        get_logger("app").error("failed")
    undo()

    assert [entry.get("suppressed") for entry in lines.entries] == [None, None, None, 7]


def test_a_closed_stream_does_not_stop_the_export(
    capsys: pytest.CaptureFixture[str], captured: Captured
) -> None:
    assert captured.telemetry.config.log_format == "json"
    captured._output.close()
    for _ in range(3):
        get_logger("app").info("said")

    assert [record.body for record in captured.logs] == ["said"] * 3
    assert capsys.readouterr().err.count("Logging error") == 1


def test_the_exporters_own_logs_are_never_exported(captured: Captured) -> None:
    logging.getLogger("opentelemetry.exporter.otlp").error("Failed to export")
    logging.getLogger("urllib3.connectionpool").warning("Retrying")
    logging.getLogger("app").warning("exported")

    assert [record.body for record in captured.logs] == ["exported"]
    assert len(captured.lines) == 3
    assert captured.errors == []


def test_an_otlp_record_has_native_context_and_severity(captured: Captured) -> None:
    with trace.get_tracer("tests").start_as_current_span("inside") as span:
        get_logger(service="courses").warning("noticed", course_id="c1", nested={"token": "x", "n": 1})
        identity = span.get_span_context()

    [record] = captured.logs
    assert (record.body, record.severity, record.scope) == ("noticed", "WARN", "otel.logs")
    assert record.trace_id == f"{identity.trace_id:032x}"
    assert record.span_id == f"{identity.span_id:016x}"
    assert record.attributes == {
        "logger": "courses",
        "service": "courses",
        "course_id": "c1",
        "nested": {"token": "[redacted]", "n": 1},
    }


async def test_every_line_of_a_request_has_its_ids(captured: Captured) -> None:
    app = instrumented()
    answer = await request(app, "/api/v1/courses/c1/fail", method="POST")

    entries = [json.loads(line) for line in captured.lines]
    assert [entry["event"] for entry in entries] == ["about to fail", "unhandled_error", "request"]
    ids = {
        (entry["request_id"], entry["trace_id"], entry["user.id"], entry["http.route"]) for entry in entries
    }
    [(request_id, trace_id, user, route)] = ids
    assert request_id == answer.headers["x-request-id"]
    assert trace_id in answer.headers["traceresponse"]
    assert (user, route) == ("usr_1", "/api/v1/courses/{course_id}/fail")


def test_configuring_can_be_undone() -> None:
    root = logging.getLogger()
    before = (list(root.handlers), root.level)
    undo = configure_logging(
        TelemetryConfig(), logger_provider=None, redactor=Redactor(), resource={}, stream=io.StringIO()
    )
    assert list(root.handlers) != before[0]
    undo()
    assert (list(root.handlers), root.level) == before


def test_without_configuration_a_logger_still_works(caplog: pytest.LogCaptureFixture) -> None:
    get_logger("tests.unconfigured").warning("somebody listens", n=1)
    assert caplog.messages == ["somebody listens"]
