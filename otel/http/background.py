"""Gives background tasks a span and a duration of their own, as they are not part of the request's."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Final

from opentelemetry import trace
from starlette.background import BackgroundTask

from otel.http.metrics import BACKGROUND_DURATION

_Call = Callable[[BackgroundTask], Coroutine[Any, Any, None]]

_MARK: Final = "_timed_by_otel"


def time_background_tasks() -> None:
    """Wraps `BackgroundTask.__call__` once per process, as contrib's FastAPI instrumentation does.

    Starlette runs the tasks inside the response and offers no hook, so there is no other place to do it.
    """
    original = BackgroundTask.__call__
    if getattr(original, _MARK, False):
        return
    timed = _timed(original)
    setattr(timed, _MARK, True)
    setattr(BackgroundTask, "__call__", timed)  # noqa: B010 - the one patch, see the docstring


def _timed(original: _Call) -> _Call:
    @wraps(original)
    async def timed(task: BackgroundTask) -> None:
        name = _function_name(task.func)
        outcome, started = "cancelled", time.perf_counter()
        tracer = trace.get_tracer("otel.http")
        with tracer.start_as_current_span(f"background {name}", attributes={"code.function.name": name}):
            try:
                await original(task)
                outcome = "ok"
            except Exception:
                outcome = "error"
                raise
            finally:
                seconds = time.perf_counter() - started
                BACKGROUND_DURATION.record(seconds, {"code.function.name": name, "outcome": outcome})

    return timed


def _function_name(function: object) -> str:
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{getattr(function, '__module__', '?')}.{name}"
