"""Whatever is logged, the caller goes on, and the record is written or counted as lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import otel
from otel.logs.pipeline import Pipeline
from otel.testing import Captured
from tests.otel.hostile import ANYTHING, Case

_SPOKEN = ("debug", "info", "warning", "warn", "error", "exception", "critical", "fatal", "msg", "log")
METHODS = (*_SPOKEN, *(f"a{name}" for name in _SPOKEN))
_OPTIONS = ("exc_info", "stack_info", "stacklevel", "positional_args", "extra")
NAMES = ("self", "event", "level", "args", "fields", "method", "name", "msg", *_OPTIONS)
_NAME = st.sampled_from(NAMES) | st.text(max_size=8)


@pytest.fixture(name="logger")
def _logger(captured: Captured) -> Iterator[str]:
    """A logger that has our pipe alone: pytest's own handler raises what a bad argument raises."""
    [pipe] = [each for each in logging.getLogger().handlers if isinstance(each, Pipeline)]
    logger = logging.getLogger("tests.any")
    logger.addHandler(pipe)
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    yield logger.name
    logger.removeHandler(pipe)
    logger.propagate = True
    logger.setLevel(logging.NOTSET)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(METHODS),
    arguments=st.lists(ANYTHING, max_size=3),
    fields=st.dictionaries(_NAME, ANYTHING, max_size=3),
    bound=st.dictionaries(_NAME.filter(lambda name: name != "self"), ANYTHING, max_size=2),
    mine=st.booleans(),
)
def test_no_call_raises_and_no_record_vanishes(
    captured: Captured,
    logger: str,
    method: str,
    arguments: list[Case],
    fields: dict[str, Case],
    bound: dict[str, Case],
    *,
    mine: bool,
) -> None:
    made = otel.get_logger(logger) if mine else structlog.get_logger(logger)
    log: Any = made.bind(**{name: case.value for name, case in bound.items()})
    before = _seen(captured)
    called = getattr(log, method)(
        *(case.value for case in arguments), **{name: case.value for name, case in fields.items()}
    )
    if called is not None:
        asyncio.run(called)

    assert _seen(captured) == before + 1


def _seen(captured: Captured) -> float:
    return len(captured.lines) + captured.value("telemetry.log_records.held_back")
