"""Whatever is logged, the caller continues and the record is written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

import otel
from otel.config.settings import TelemetryConfig
from otel.logs.pipeline import Pipeline
from otel.testing import Captured, capture_telemetry
from tests.otel.hostile import ANYTHING, Case

_SPOKEN = ("debug", "info", "warning", "warn", "error", "exception", "critical", "fatal", "msg", "log")
METHODS = (*_SPOKEN, *(f"a{name}" for name in _SPOKEN))
_OPTIONS = ("exc_info", "stack_info", "stacklevel", "positional_args", "extra")
NAMES = ("self", "event", "level", "args", "fields", "method", "name", "msg", *_OPTIONS)
_NAME = st.sampled_from(NAMES) | st.text(max_size=8)


@pytest.fixture(name="unlimited", scope="module")
def _unlimited() -> Iterator[Captured]:
    config = TelemetryConfig(service_name="test", runtime_metrics=False, log_format="json", log_burst=0)
    with capture_telemetry(config=config) as captured:
        yield captured


def _isolated() -> logging.Logger:
    """Returns a logger with only our pipeline: pytest's own handler re-raises errors from bad arguments."""
    logger = logging.getLogger("tests.any")
    logger.handlers = [each for each in logging.getLogger().handlers if isinstance(each, Pipeline)]
    logger.propagate = False
    logger.setLevel(1)
    return logger


@settings(max_examples=200, deadline=None)
@given(
    method=st.sampled_from(METHODS),
    arguments=st.lists(ANYTHING, max_size=3),
    fields=st.dictionaries(_NAME, ANYTHING, max_size=3),
    bound=st.dictionaries(_NAME.filter(lambda name: name != "self"), ANYTHING, max_size=2),
    mine=st.booleans(),
)
def test_no_call_raises_and_each_leaves_a_line(
    unlimited: Captured,
    method: str,
    arguments: list[Case],
    fields: dict[str, Case],
    bound: dict[str, Case],
    *,
    mine: bool,
) -> None:
    logger = _isolated()
    made = otel.get_logger(logger.name) if mine else structlog.get_logger(logger.name)
    log: Any = made.bind(**{name: case.value for name, case in bound.items()})
    before = _seen(unlimited)
    called = getattr(log, method)(
        *(case.value for case in arguments), **{name: case.value for name, case in fields.items()}
    )
    if called is not None:
        asyncio.run(called)

    assert _seen(unlimited) == before + 1


def _seen(captured: Captured) -> int:
    """Counts the lines of this logger; the SDK may add warnings of its own."""
    return sum('"logger":"tests.any"' in line for line in captured.lines)
