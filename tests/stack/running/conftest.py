"""The whole native stack, started once per run on free ports in a scratch folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stack.native.native_stack import NativeStack, ensure_programs
from tests.stack.running.learner import Platform
from tests.stack.running.stores import Stores


@pytest.fixture(scope="session")
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
        },
    )
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def stores(stack: NativeStack) -> Iterator[Stores]:
    """Queries to the stores."""
    opened = Stores(stack)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def platform(stack: NativeStack) -> Iterator[Platform]:
    """The platform's HTTP API."""
    opened = Platform(stack)
    yield opened
    opened.close()
