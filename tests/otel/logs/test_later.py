"""Lines are rendered when they are written but show the state at the time of the call."""

from __future__ import annotations

import json
import logging
import logging.config
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import use_span
from uvicorn.config import LOGGING_CONFIG

from otel.config.settings import TelemetryConfig
from otel.context import REQUEST, RequestContext
from otel.logs.logger import configure_logging, get_logger
from otel.redaction.engine import Redactor
from otel.request_names import FoundRoute
from tests.otel.conftest import RESOURCE

_LONG = 600.0


class Output:
    """The stream of a service that may delay its lines by ten minutes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Returns the lines written so far."""
        return [json.loads(line) for line in self._path.read_text().splitlines()]

    def flushed(self) -> list[dict[str, Any]]:
        """Returns the lines after flushing those that wait."""
        for handler in logging.getLogger().handlers:
            handler.flush()
        return self.entries


@pytest.fixture
def output(tmp_path: Path) -> Iterator[Output]:
    path = tmp_path / "out.log"
    with path.open("w") as stream:
        undo = configure_logging(
            TelemetryConfig(stdout_delay=_LONG),
            logger_provider=None,
            redactor=Redactor(),
            resource=RESOURCE,
            stream=stream,
        )
        try:
            yield Output(path)
        finally:
            undo()


def test_a_delayed_line_equals_one_written_at_once(output: Output) -> None:
    span = TracerProvider().get_tracer("test").start_span("work")
    request = RequestContext("r-1", span, {}, FoundRoute("/courses"))
    request.user_id = "usr_1"
    token = REQUEST.set(request)
    with use_span(span):
        for log in (get_logger("late").info, get_logger("late").warning):
            log("enrolled", email="ada@example.org", count=2, ratio=0.5, note=None)
    REQUEST.reset(token)

    late, at_once = output.entries  # a warning flushes the waiting lines
    assert late.pop("level") == "info"
    assert at_once.pop("level") == "warning"
    assert late.pop("timestamp") <= at_once.pop("timestamp")
    assert late == at_once
    assert late["user.id"] == "usr_1"
    assert late["http.route"] == "/courses"
    assert late["trace_id"] == f"{span.get_span_context().trace_id:032x}"
    assert late["email"] == "[redacted]"


def test_a_delayed_line_shows_nothing_that_happened_after_it(output: Output) -> None:
    found = FoundRoute()
    request = RequestContext("r-1", TracerProvider().get_tracer("test").start_span("work"), {}, found)
    token = REQUEST.set(request)
    courses = ["c1"]
    get_logger("late").info("plain", count=1)
    get_logger("late").info("changing", courses=courses)
    courses.append("c2")
    request.user_id = "usr_1"
    found.template = "/courses"
    REQUEST.reset(token)

    assert output.entries == []
    plain, changing = output.flushed()
    assert changing["courses"] == ["c1"]
    for entry in (plain, changing):
        assert entry["request_id"] == "r-1"
        assert {"user.id", "http.route"}.isdisjoint(entry)


def test_lines_keep_their_order_whenever_they_are_rendered(output: Output) -> None:
    for number in range(9):
        if number % 3:
            get_logger("late").info("event", number=number)
        else:
            logging.getLogger("library").info("event", extra={"number": number})

    assert [entry["number"] for entry in output.flushed()] == list(range(9))


def test_a_line_that_cannot_be_rendered_costs_no_other(
    output: Output, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    value = Redactor.value

    def broken(redactor: Redactor, key: str | None, found: object) -> object:
        if key == "broken":
            raise ValueError("made up")
        return value(redactor, key, found)

    monkeypatch.setattr(Redactor, "value", broken)
    get_logger("late").info("one", broken=1)
    get_logger("late").info("two", whole=1)

    assert [entry["event"] for entry in output.flushed()] == ["two"]
    assert "late: ValueError in broken" in capsys.readouterr().err


def test_reconfigured_logging_does_not_stop_the_pipeline(output: Output) -> None:
    get_logger("late").info("before")
    logging.config.dictConfig(LOGGING_CONFIG)  # as `uvicorn.run(app)` does, which closes all handlers
    assert [entry["event"] for entry in output.entries] == ["before"]

    get_logger("late").info("after")
    assert [entry["event"] for entry in output.entries] == ["before"], "lines are still delayed"
    assert [entry["event"] for entry in output.flushed()] == ["before", "after"]
