"""`make demo` on a running stack."""

from __future__ import annotations

import pytest

from stack.native.native_stack import NativeStack
from stack.native.up import LEARNERS, study, studying
from tests.backends import wait_until

pytestmark = pytest.mark.stack


def test_learners_study_once_at_a_time(stack: NativeStack, capsys: pytest.CaptureFixture[str]) -> None:
    study(stack)
    try:
        wait_until(lambda: studying(stack), "learners are at work")
        study(stack)
    finally:
        stack.supervisor.stop_part(LEARNERS)
    assert "Simulated learners are at work already" in capsys.readouterr().out
    wait_until(lambda: not studying(stack), "they have stopped")
