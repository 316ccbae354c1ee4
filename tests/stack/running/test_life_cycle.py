"""Every part stops cleanly, and a second start finds the data."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
import pytest

from stack.native.native_stack import NativeStack, ensure_programs
from tests.programs import wait_until
from tests.stack.running.learner import Platform
from tests.stack.running.stores import Stores

pytestmark = pytest.mark.stack

SETTINGS: Final = {"LMS_DEMO_FAILURE_RATIO": "1", "OTEL_METRIC_EXPORT_INTERVAL": "1000"}
REGISTERED: Final = 'lms_registrations_total{outcome="created"}'


@dataclass(frozen=True)
class Left:
    """The data that one request left in each part."""

    request_id: str
    email: str
    course: str


def test_every_part_stops_cleanly_and_a_second_start_finds_the_data(tmp_path: Path) -> None:
    ensure_programs()
    stack = NativeStack.scratch(tmp_path, SETTINGS)
    try:
        stack.start()
        left = _use(stack)
        processes = stack.supervisor.members()
        killed: list[str] = []
        assert stack.stop(killed.append) == len(processes)
        assert killed == []
        assert [each for each in processes if _lives(each)] == []
        assert _killed_by_the_supervisor(stack) == []
        stack.start()
        _find(stack, left)
    finally:
        stack.stop()


def _killed_by_the_supervisor(stack: NativeStack) -> list[str]:
    """Returns the supervisor's log lines about parts that did not exit in time."""
    said = re.sub(r"\x1b\[\d+m", "", stack.supervisor.log.read_text())
    stopped = [line for line in said.splitlines() if "Stop Unix process" in line]
    assert len(stopped) >= len(stack.parts()) - 1  # the one that runs once has already exited
    return [line for line in stopped if "signal=9" in line]


def _lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def _use(stack: NativeStack) -> Left:
    """Leaves a user, a course, a trace, log records, a metric and an issue."""
    platform, stores = Platform(stack), Stores(stack)
    student = platform.student()
    left = Left(f"stack-{secrets.token_hex(8)}", student.email, platform.course("Kept"))
    student.post("/demo/transcripts", request_id=left.request_id)
    wait_until(lambda: _everywhere(stores, left), "every store has the request")
    platform.close()
    stores.close()
    return left


def _find(stack: NativeStack, left: Left) -> None:
    """Finds all of it again after the second start."""
    platform, stores = Platform(stack), Stores(stack)
    anonymous = platform.anonymous()
    assert anonymous.get(f"/courses/{left.course}").json()["title"] == "Kept"
    again = {"email": left.email, "password": "another password", "name": "Again"}
    assert anonymous.post("/users", json=again).json()["code"] == "email_taken"
    wait_until(lambda: _everywhere(stores, left), "every store still has the request")
    platform.close()
    stores.close()


def _everywhere(stores: Stores, left: Left) -> bool:
    return (
        bool(stores.spans(left.request_id))
        and bool(stores.logs(left.request_id))
        and stores.total(f"max_over_time({REGISTERED}[10m])") >= 1.0
        and "TranscriptFailed" in json.dumps(stores.issues())
    )
