"""The whole native stack, started once for this folder, on free ports and with data of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
import yaml

from stack.native.native_stack import NativeStack, ensure_programs
from tests.app.conftest import GENEROUS
from tests.stack.running.learner import Platform
from tests.stack.running.stores import Stores


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

    That the real rule waits for a minute is tested by promtool, in alertmanager/tests/lms.yml.
    """
    folder = stack.folder / "etc" / "prometheus"
    configuration = yaml.safe_load((folder / "prometheus.yml").read_text())
    configuration["global"] |= {
        "scrape_interval": "1s",
        "scrape_timeout": "1s",
        "evaluation_interval": "1s",
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    rules = yaml.safe_load((folder / "rules" / "lms.yml").read_text())
    [down] = [rule for group in rules["groups"] for rule in group["rules"] if rule.get("alert") == "LmsDown"]
    assert down["for"] == "1m"
    down["for"] = "1s"
    (folder / "rules" / "lms.yml").write_text(yaml.safe_dump(rules))
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
