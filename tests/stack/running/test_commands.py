"""`make demo` and `make status` on a running stack."""

from __future__ import annotations

import re

import psutil
import pytest

from stack.native.native_stack import NativeStack
from stack.native.status import mapped, proportional, status
from stack.native.up import LEARNERS, study, studying
from tests.programs import wait_until

pytestmark = pytest.mark.stack


def test_only_one_run_of_learners_at_a_time(stack: NativeStack, capsys: pytest.CaptureFixture[str]) -> None:
    study(stack)
    try:
        wait_until(lambda: studying(stack), "learners are at work")
        study(stack)
    finally:
        stack.supervisor.stop_part(LEARNERS)
    assert "Simulated learners are already at work" in capsys.readouterr().out
    wait_until(lambda: not studying(stack), "they have stopped")


def test_status_shows_each_part_and_names_the_unhealthy_one(
    stack: NativeStack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for key, value in stack.environment.values.items():
        monkeypatch.setenv(key, value)
    assert status(stack.folder)
    words = {line.split()[0]: line.split()[1] for line in capsys.readouterr().out.splitlines() if line}
    assert {part.name: words[part.name] for part in stack.parts()} == {
        part.name: "done" if part.once else "healthy" for part in stack.parts()
    }
    stack.supervisor.stop_part("canary")
    try:
        assert not status(stack.folder)
    finally:
        stack.supervisor.start_part("canary")
    shown = capsys.readouterr().out
    assert re.search(r"^canary +unhealthy +Completed", shown, re.MULTILINE)
    assert [
        line for line in shown.splitlines() if " unhealthy " in line and not line.startswith("canary")
    ] == []
    stack.wait_ready()


def test_mapped_files_are_a_share_of_a_processs_memory() -> None:
    assert 0 < mapped(psutil.Process()) < proportional(psutil.Process())
