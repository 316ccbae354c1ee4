"""Each dependency is stopped in turn: docs/degradation.md says what still works, and everything recovers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from stack.native.native_stack import NativeStack
from tests.stack.running.degradation import PAGE, Observer, documented
from tests.stack.running.learner import Platform

pytestmark = pytest.mark.stack

CHECKS: Final = {
    "ferretdb": "mongodb",
    "redis": "redis",
    "collector": "collector",
    "prometheus": "prometheus",
    "victorialogs": "log_store",
    "jaeger": "trace_store",
    "alertmanager": "alertmanager",
    "bugsink": "sentry",
}
"""The check that is about each part."""


@pytest.fixture(scope="module")
def observer(stack: NativeStack) -> Iterator[Observer]:
    platform = Platform(stack)
    yield Observer(stack, platform)
    platform.close()


def test_the_page_has_every_part() -> None:
    assert list(documented()) == list(CHECKS)


@pytest.mark.parametrize("part", CHECKS)
def test_a_part_is_missed_as_documented_and_comes_back(
    stack: NativeStack, observer: Observer, part: str
) -> None:
    check = CHECKS[part]
    observer.wait_for(check, "pass")
    assert observer.browse() == 200
    stack.supervisor.stop_part(part)
    try:
        observer.wait_for(check, "warn", "fail")
        seen = observer.row(part, check)
    finally:
        stack.supervisor.start_part(part)
    observer.wait_for(check, "pass")
    assert "recommendation" not in observer.component(check)
    assert seen == documented()[part], f"{PAGE.name} should say:\n{seen}"


def test_everything_is_ready_again(stack: NativeStack) -> None:
    stack.wait_ready()
