"""The alert path: a watchdog that never stops, and an alert when the platform is down."""

from __future__ import annotations

import psutil
import pytest

from stack.native.native_stack import NativeStack
from tests.programs import wait_until
from tests.stack.running.stores import Stores

pytestmark = pytest.mark.stack


def test_the_watchdog_reaches_the_alert_router(stores: Stores) -> None:
    wait_until(lambda: "Watchdog" in stores.alerts(), "the Watchdog arrives")


def test_an_alert_fires_while_the_platform_is_down(stack: NativeStack, stores: Stores) -> None:
    stack.supervisor.stop_part("app")
    wait_until(lambda: "LmsDown" in stores.alerts(), "LmsDown arrives")
    stack.supervisor.start_part("app")
    stack.wait_ready()
    wait_until(lambda: "LmsDown" not in stores.alerts(), "LmsDown is resolved")


def test_a_killed_platform_is_restarted(stack: NativeStack) -> None:
    before = stack.supervisor.states()["app"].pid
    psutil.Process(before).kill()
    wait_until(lambda: stack.supervisor.states()["app"].pid not in {0, before}, "it has a new process")
    stack.wait_ready()
