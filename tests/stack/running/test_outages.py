"""What learners and operators keep when parts are killed, hang or stop."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

import psutil
import pytest

from stack.native.native_stack import NativeStack
from tests.programs import wait_until
from tests.stack.running.crowd import Crowd
from tests.stack.running.learner import Platform

pytestmark = pytest.mark.stack
LOG: Final = logging.getLogger(__name__)

# Measured on a quiet machine of two cores: 1.2 to 7.8 s. Twice that, because a start is work.
BACK_SECONDS: Final = 16.0
DATABASE_GONE_SECONDS: Final = 30.0
# Two attempts of LMS_DATABASE_SECONDS, and what the request itself needs.
SLOWEST_SECONDS: Final = 5.1
QUICK: Final = ("ferretdb", "app")


@pytest.fixture(scope="module")
def crowd(stack: NativeStack) -> Iterator[Crowd]:
    platform = Platform(stack)
    yield Crowd(stack, platform)
    platform.close()


def _names(stack: NativeStack) -> list[str]:
    return [part.name for part in stack.parts() if not part.once]


def _family(stack: NativeStack, part: str) -> list[psutil.Process]:
    main = psutil.Process(stack.supervisor.states()[part].pid)
    return [main, *main.children(recursive=True)]


def _send(stack: NativeStack, part: str, number: signal.Signals) -> int:
    """Sends a signal to every process of a part; returns how often it had been restarted before."""
    before = stack.supervisor.states()[part].restarts
    for process in _family(stack, part):
        process.send_signal(number)
    return before


def _wait_restarted(stack: NativeStack, part: str, before: int) -> None:
    def restarted() -> bool:
        state = stack.supervisor.states().get(part)
        return state is not None and state.restarts > before and state.status == "Running"

    wait_until(restarted, f"{part} is started again")


def _kill_in_turn(stack: NativeStack, crowd: Crowd, parts: list[str]) -> dict[str, float]:
    """Kills each part under load; returns the seconds until everything was healthy again."""
    took: dict[str, float] = {}
    with crowd.at_work():
        for part in parts:
            started = time.monotonic()
            before = _send(stack, part, signal.SIGKILL)
            _wait_restarted(stack, part, before)
            stack.wait_ready()
            took[part] = time.monotonic() - started
            crowd.wait_for_an_enrolment()
    return took


def test_a_killed_database_and_platform_come_back_and_lose_no_enrolment(
    stack: NativeStack, crowd: Crowd
) -> None:
    _kill_in_turn(stack, crowd, list(QUICK))
    assert crowd.seen.enrolled
    assert crowd.lost() == set()
    assert crowd.wrong() == []


@pytest.mark.long
@pytest.mark.timeout(600)
def test_every_killed_part_comes_back_by_itself_and_no_enrolment_is_lost(
    stack: NativeStack, crowd: Crowd
) -> None:
    took = _kill_in_turn(stack, crowd, _names(stack))
    LOG.info(
        "seconds until healthy: %s; answers: %s",
        {part: round(each, 1) for part, each in took.items()},
        dict(crowd.seen.statuses),
    )
    assert crowd.lost() == set()
    assert crowd.wrong() == []
    assert {part: each for part, each in took.items() if each > BACK_SECONDS} == {}


@pytest.mark.long
@pytest.mark.timeout(600)
def test_every_hanging_part_is_killed_and_comes_back(stack: NativeStack) -> None:
    before = {part: _send(stack, part, signal.SIGSTOP) for part in _names(stack)}
    for part, restarts in before.items():
        _wait_restarted(stack, part, restarts)
    stack.wait_ready()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_without_a_database_every_answer_is_prompt(stack: NativeStack, crowd: Crowd) -> None:
    crowd.seen.statuses.clear()
    crowd.seen.slowest = 0.0
    stack.supervisor.stop_part("ferretdb")
    with crowd.at_work():
        gone = time.monotonic() + DATABASE_GONE_SECONDS
        wait_until(lambda: time.monotonic() > gone, "the database was gone for long enough")
    stack.supervisor.start_part("ferretdb")
    stack.wait_ready()
    LOG.info("answers: %s; slowest: %.2f s", dict(crowd.seen.statuses), crowd.seen.slowest)
    assert crowd.seen.statuses[HTTPStatus.SERVICE_UNAVAILABLE] > 0
    assert crowd.seen.statuses.keys() <= {HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE}
    assert crowd.seen.slowest <= SLOWEST_SECONDS
    assert crowd.lost() == set()
