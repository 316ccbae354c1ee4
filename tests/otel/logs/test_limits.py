"""Limits of the log (bursts, levels that expire) and its formats (no colours in files)."""

from __future__ import annotations

import json
import logging
import os
from typing import TextIO

import pytest

from otel.burst import BurstLimiter, Message
from otel.config.settings import TelemetryConfig
from otel.logs.levels import LevelOverrides
from otel.logs.logger import configure_logging, get_logger, set_level
from otel.logs.render import pretty_renderer
from otel.redaction.engine import Redactor
from otel.testing import capture_telemetry
from tests.otel.conftest import RESOURCE, Log


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_next_record_after_a_burst_has_the_number_suppressed() -> None:
    clock = Clock()
    bursts, message = BurstLimiter[Message](2, 10, clock), Message("app", 30, "again")
    assert [bursts.admit(message) for _ in range(5)] == [0, 0, None, None, None]
    clock.now = 10.0
    assert [bursts.admit(message) for _ in range(2)] == [3, 0]


def test_a_burst_that_is_over_is_reported_by_the_next_caller() -> None:
    clock = Clock()
    bursts, message = BurstLimiter[Message](2, 10, clock), Message("app", 30, "again")
    for _ in range(5):
        bursts.admit(message)
    assert list(bursts.reports()) == []
    clock.now = 10.0
    assert list(bursts.reports()) == [(message, 3)]
    assert list(bursts.drain()) == []


def test_the_number_of_remembered_bursts_is_bounded() -> None:
    bursts = BurstLimiter[Message](1, 10, Clock())
    for number in range(5000):
        bursts.admit(Message("app", 30, f"message {number}"))
        list(bursts.reports())
    assert len(bursts._windows) <= 1024


def test_a_level_override_expires() -> None:
    clock, logger = Clock(), logging.getLogger("tests.levels.ended")
    logger.setLevel(logging.WARNING)
    overrides = LevelOverrides(clock)
    overrides.set(logger.name, "debug", 60)
    assert logger.isEnabledFor(logging.DEBUG)
    assert [each.seconds_left for each in overrides.current()] == [60]

    clock.now = 60.0
    assert not overrides.refuses(logger.name, logging.DEBUG)
    assert overrides.current() == []
    assert not logger.isEnabledFor(logging.DEBUG)


def test_a_raised_level_applies_to_child_loggers_and_expires() -> None:
    overrides = LevelOverrides(clock := Clock())
    overrides.set("tests.levels", "error", 60)
    assert overrides.refuses("tests.levels.below", logging.WARNING)
    assert not overrides.refuses("tests.levels.below", logging.ERROR)
    assert not overrides.refuses("tests.level", logging.DEBUG)
    clock.now = 61.0
    assert not overrides.refuses("tests.levels.below", logging.WARNING)


@pytest.mark.parametrize(
    ("level", "seconds", "named"),
    [
        ("loud", 60, "level"),
        ("debug", 0, "seconds"),
        ("debug", 1e9, "seconds"),
        ("debug", float("nan"), "seconds"),
    ],
)
def test_an_invalid_level_or_duration_is_rejected_by_name(level: str, seconds: float, named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}: "):
        set_level("app", level, seconds)


def test_pretty_lines_for_a_file_have_no_colours() -> None:
    line = pretty_renderer(colors=False)({"timestamp": "t", "level": "info", "event": "said", "n": 1})
    assert line.isprintable()
    assert "said" in line
    assert "n=1" in line


def said_to(stream: TextIO, log_format: str) -> None:
    config = TelemetryConfig(log_format=log_format)
    undo = configure_logging(
        config, logger_provider=None, redactor=Redactor(), resource=RESOURCE, stream=stream
    )
    get_logger("app").warning("said", count=2)
    undo()


@pytest.mark.parametrize(("log_format", "is_json"), [("auto", False), ("json", True)])
def test_a_terminal_gets_pretty_lines_unless_json_is_asked_for(log_format: str, *, is_json: bool) -> None:
    shown_by, terminal = os.openpty()
    with open(shown_by, "rb", buffering=0) as screen, open(terminal, "w", encoding="utf-8") as stream:  # noqa: PTH123 - of open files
        said_to(stream, log_format)
        stream.flush()
        shown = screen.read(4096).decode()
    assert "said" in shown
    assert shown.startswith("{") == is_json


def test_a_file_gets_json_lines_by_default(log_to: Log) -> None:
    lines = log_to(log_format="auto")
    get_logger("app").warning("said")
    assert [entry["event"] for entry in lines.entries] == ["said"]


def test_a_line_has_the_services_resource_attributes() -> None:
    where = {"service.version": "1.2", "deployment.environment.name": "north"}
    config = TelemetryConfig(
        service_name="lms", resource_attributes=where, runtime_metrics=False, log_format="json"
    )
    with capture_telemetry(config=config) as captured:
        get_logger("app").warning("said")
        entry = json.loads(captured.lines[-1])
    assert {"service.name": "lms", **where}.items() <= entry.items()
