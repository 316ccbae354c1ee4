"""A process remembers its last log records: bounded, redacted, and not those of its parent."""

from __future__ import annotations

import json
import os

import otel
from otel.config.settings import TelemetryConfig
from otel.logs.recent import MOST_CHARACTERS, RecentRecords
from otel.testing import capture_telemetry


def config(recent: int) -> TelemetryConfig:
    return TelemetryConfig(
        service_name="test", runtime_metrics=False, log_format="json", recent_records=recent, log_burst=0
    )


def test_the_last_records_are_remembered_as_they_are_written() -> None:
    with capture_telemetry(config=config(3)) as captured:
        for number in range(5):
            otel.get_logger("kept").info("counted", number=number, password="secret")
        recent = captured.telemetry.recent_records()
        assert [each["number"] for each in recent] == [4, 3, 2]
        assert recent == [json.loads(line) for line in reversed(captured.lines[-3:])]
        assert {each["password"] for each in recent} == {"[redacted]"}


def test_the_library_remembers_nothing_unless_it_is_asked_to() -> None:
    with capture_telemetry() as captured:
        otel.get_logger("kept").info("counted")
        assert captured.telemetry.recent_records() == []


def test_what_is_remembered_is_bounded_in_size_too() -> None:
    recent = RecentRecords(1000)
    for number in range(10):
        recent.add({"number": number}, MOST_CHARACTERS // 4)
    assert [each["number"] for each in recent.entries()] == [9, 8, 7, 6]
    recent.add({"number": 10}, MOST_CHARACTERS + 1)
    assert recent.entries() == []


def test_a_child_does_not_remember_what_its_parent_logged() -> None:
    with capture_telemetry(config=config(10)) as captured:
        otel.get_logger("kept").info("of_the_parent")
        child = os.fork()
        if child == 0:
            otel.get_logger("kept").info("of_the_child")
            seen = [each["event"] for each in captured.telemetry.recent_records()]
            os._exit(0 if seen == ["of_the_child"] else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert [each["event"] for each in captured.telemetry.recent_records()] == ["of_the_parent"]
