"""Records that the pipeline suppresses or loses: matched by whole names, counted, and never written raw."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sentry_sdk
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_instrumentation

from otel.config.semconv_opt_in import VARIABLE, opt_in_to_stable
from otel.config.settings import TelemetryConfig
from otel.context import REQUEST, RequestContext
from otel.dotted import is_within
from otel.logs.logger import get_logger, reset_level, set_level
from otel.logs.pipeline import Pipeline
from otel.redaction.engine import Redactor
from otel.testing import Captured, capture_telemetry

HELD_BACK = "telemetry.log_records.held_back"
_NAME = st.text("ab.", min_size=1, max_size=6)


@given(_NAME, st.lists(_NAME, min_size=1, max_size=3))
def test_a_name_belongs_to_a_package_by_whole_parts(name: str, packages: list[str]) -> None:
    parts = name.split(".")
    heads = {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
    assert is_within(name, tuple(packages)) == any(each in heads for each in packages)


@pytest.mark.parametrize("name", ["requests", "urllib3.connectionpool", "opentelemetry.sdk", "sentry_sdk.x"])
@pytest.mark.parametrize("neighbour", [False, True], ids=["itself", "neighbour"])
def test_only_loggers_of_the_export_path_are_not_exported(
    captured: Captured, name: str, *, neighbour: bool
) -> None:
    head, dot, rest = name.partition(".")
    name = f"{head}_intake{dot}{rest}" if neighbour else name
    logging.getLogger(name).warning("said")

    assert json.loads(captured.lines[-1])["logger"] == name
    assert [record.body for record in captured.logs] == ["said"] * neighbour
    assert captured.value(HELD_BACK, {"reason": "local"}) == (not neighbour)


def test_errors_of_loggers_with_similar_names_are_reported(captured: Captured) -> None:
    for name in ("opentelemetry", "opentelemetry.sdk", "opentelemetry_demo", "sentry_sdk_shim"):
        sentry_sdk.capture_event({"message": "said", "logger": name, "level": "error"})

    assert [event["logger"] for event in captured.errors] == ["opentelemetry_demo", "sentry_sdk_shim"]


def test_the_opt_in_keeps_values_that_only_share_a_prefix_with_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "http/dup,https_client,database,databases,code")
    opt_in_to_stable()
    assert os.environ[VARIABLE] == "https_client,databases,code,http,database"


def test_suppressed_records_are_counted(captured: Captured) -> None:
    for _ in range(60):
        logging.getLogger("tests.burst").warning("again")
    set_level("tests.level", "error", 60)
    logging.getLogger("tests.level.below").warning("held back")
    reset_level("tests.level")
    with suppress_instrumentation():
        get_logger("tests.suppressed").info("written only")

    reasons = {each.attributes["reason"]: each.value for each in captured.metrics[HELD_BACK]}
    assert reasons == {"burst": 10, "level": 1, "local": 1}


def test_lines_lost_to_a_broken_stream_are_counted(captured: Captured) -> None:
    captured._output.close()
    for _ in range(3):
        get_logger("app").info("said")

    assert captured.value(HELD_BACK, {"reason": "stream"}) == 3
    assert len(captured.logs) == 3


@contextmanager
def broken_redaction(monkeypatch: pytest.MonkeyPatch, secret: str) -> Iterator[None]:
    """Makes the redaction of fields fail, like a bug of ours."""

    def broken(_: Redactor, __: str | None, found: object) -> object:
        raise ValueError(f"{found} {secret}")

    with monkeypatch.context() as patch:
        patch.setattr(Redactor, "value", broken)
        yield


@pytest.mark.parametrize("where", ["argument", "message", "field", "error", "logger"])
def test_a_lost_record_reports_only_its_location_on_stderr(
    captured: Captured, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    secret = "ada@school.example"
    name = f"tests.{secret}\n" if where == "logger" else "tests.lost"
    record = logging.makeLogRecord(
        {
            "name": name,
            "levelno": logging.ERROR,
            "msg": secret if where == "message" else "login of %s",
            "args": (secret if where == "argument" else "x",),
            "field": secret if where == "field" else "x",
            "exc_info": (ValueError, ValueError(secret), None) if where == "error" else None,
        }
    )
    [pipe] = [each for each in logging.getLogger().handlers if isinstance(each, Pipeline)]
    with broken_redaction(monkeypatch, secret):
        pipe.handle(record)
    get_logger("tests.lost").info("goes on")

    shown = capsys.readouterr().err
    assert secret not in shown
    assert shown.startswith("--- Logging error --- ")
    assert "ValueError in broken (" in shown
    assert shown.count("\n") == 1
    assert captured.value(HELD_BACK, {"reason": "failed"}) == 1
    assert [json.loads(line)["event"] for line in captured.lines] == ["goes on"]


def test_lost_records_are_not_reported_if_stdlib_must_not_raise(
    captured: Captured, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    with broken_redaction(monkeypatch, ""):
        get_logger("tests.lost").info("said", field=1)

    assert capsys.readouterr().err == ""
    assert captured.value(HELD_BACK, {"reason": "failed"}) == 1


def test_the_summary_of_a_burst_has_no_callers_context() -> None:
    config = TelemetryConfig(
        service_name="test", runtime_metrics=False, log_format="json", log_burst=1, log_burst_seconds=0.1
    )
    with (
        capture_telemetry(config=config) as captured,
        trace.get_tracer("tests").start_as_current_span("a") as span,
    ):
        request = RequestContext("r-1", span, {})
        request.user_id = "usr_1"
        token = REQUEST.set(request)
        while len(captured.logs) < 3:
            logging.getLogger("tests.burst").warning("again", extra={"tenant": "t1"})
        REQUEST.reset(token)
        first, count, later = captured.logs

    assert count.body == first.body == later.body
    assert (count.trace_id, count.span_id) == (None, None)
    assert count.attributes.keys() == {"logger", "suppressed"}
    for own in (first, later):
        assert (own.attributes["request_id"], own.attributes["user.id"]) == ("r-1", "usr_1")
        assert own.trace_id is not None
        assert "suppressed" not in own.attributes
