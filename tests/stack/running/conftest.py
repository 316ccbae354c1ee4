"""The whole native stack, started once for this folder, on free ports and with data of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial

import pytest
import yaml

from stack.native.native_stack import NativeStack, ensure_programs
from tests.app.conftest import GENEROUS
from tests.programs import wait_until
from tests.stack.running.learner import Platform
from tests.stack.running.stores import Stores
from tests.stack.running.studied import LATE, hastened, log_in_slowly, study


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NativeStack]:
    """The running stack; its demo endpoint always fails."""
    ensure_programs()
    folder = tmp_path_factory.mktemp("stack")
    running = NativeStack.scratch(
        folder,
        {
            "LMS_DEMO_FAILURE_RATIO": "1",
            "OTEL_METRIC_EXPORT_INTERVAL": "1000",
            "STACK_CANARY_SECONDS": "2",
            "LMS_RATE_LIMITS": str(GENEROUS),  # waiting for a condition is many requests
            "LMS_HEALTH_SECONDS": "1",
            "LMS_HEALTH_SLOW_SECONDS": "2",
        },
    )
    running.start()
    _hasten(running)
    yield running
    running.stop()


def _hasten(stack: NativeStack) -> None:
    """Lets Prometheus scrape and evaluate every second, and LmsDown fire after one.

    How long the real rule waits is tested by promtool, in alertmanager/tests/api.yml.
    """
    folder = stack.folder / "etc" / "prometheus"
    configuration = yaml.safe_load((folder / "prometheus.yml").read_text())
    quick = {"scrape_interval": "1s", "scrape_timeout": "1s"}
    configuration["global"] |= quick | {"evaluation_interval": "1s"}
    [job] = [each for each in configuration["scrape_configs"] if each["job_name"] == "lms"]
    job |= quick
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    rules = yaml.safe_load((folder / "rules" / "api.yml").read_text())
    [group] = [group for group in rules["groups"] if group["name"] == "lms"]
    [down] = group["rules"]
    assert (down["alert"], down["for"], group["interval"]) == ("LmsDown", "25s", "5s")
    down["for"] = group["interval"] = "1s"
    (folder / "rules" / "api.yml").write_text(yaml.safe_dump(rules))
    os.kill(stack.supervisor.states()["prometheus"].pid, signal.SIGHUP)


@pytest.fixture(scope="package")
def stores(stack: NativeStack) -> Iterator[Stores]:
    """Queries to the stores."""
    opened = Stores(stack)
    yield opened
    opened.close()


@pytest.fixture(scope="package")
def platform(stack: NativeStack) -> Iterator[Platform]:
    """The platform's HTTP API."""
    opened = Platform(stack)
    yield opened
    opened.close()


@pytest.fixture(scope="package")
def studied(stack: NativeStack, stores: Stores) -> None:
    """Gives the stack something to see: learners have studied, and every rule was evaluated since."""
    with hastened(stack):
        study(stack)
        for name in LATE:
            wait_until(partial(_recorded, stores, name), f"{name} is recorded")
    slow = log_in_slowly(stack)
    wait_until(lambda: stores.spans(slow), "the slow request is stored")


def _recorded(stores: Stores, name: str) -> bool:
    return stores.total(f"count({name})") > 0
