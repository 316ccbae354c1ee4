"""The native stack with every channel set to a receiver of the tests, started once for this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stack.native.native_stack import ensure_programs
from tests.stack.alerts.duty import Duty, on_duty


@pytest.fixture(scope="package")
def duty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Duty]:
    """Everybody on duty while a stack runs."""
    ensure_programs()
    with on_duty(tmp_path_factory.mktemp("duty")) as running:
        yield running
