"""`@traced` and `@logged`: a span or a log line around a function, with the arguments that you name."""

from __future__ import annotations

import functools
import inspect
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, ParamSpec, TypeVar, cast

from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode

from otel.logs.event_logger import EventLogger
from otel.logs.logger import get_logger

P = ParamSpec("P")
R = TypeVar("R")

_Surround = Callable[[Mapping[str, object]], AbstractContextManager[None]]
_PLAIN: Final = (str, bool, int, float)
_FIRST_SERVER_ERROR: Final = 500
_POSITIONAL: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def traced(
    name: str | None = None, *, arguments: Sequence[str] = ()
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Runs the function or coroutine in a span of this name (default: its qualified name).

    Only the `arguments` that you name become attributes, never the rest. `outcome` becomes "ok", "refused",
    "error" or "cancelled". An error is recorded on the span with its type and raised again. A refusal, an
    exception whose `status` or `status_code` is below 500, is the caller's fault and no error of the span.

    Raises:
        TypeError: At decoration, if the function lacks a named argument or is a generator.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        tracer = trace.get_tracer(function.__module__)
        span_name = name or function.__qualname__

        @contextmanager
        def surround(values: Mapping[str, object]) -> Iterator[None]:
            attributes = {
                key: value if isinstance(value, _PLAIN) else str(value) for key, value in values.items()
            }
            with tracer.start_as_current_span(
                span_name, attributes=attributes, record_exception=False, set_status_on_exception=False
            ) as span:
                outcome = "cancelled"
                try:
                    yield
                    outcome = "ok"
                except Exception as error:
                    outcome = _note(span, error)
                    raise
                finally:
                    span.set_attribute("outcome", outcome)

        return _wrapped(function, arguments, surround)

    return decorate


def _note(span: trace.Span, error: Exception) -> str:
    """Describe how the call failed on its span; return the outcome."""
    span.set_attribute("error.type", type(error).__qualname__)
    if _is_refusal(error):
        return "refused"
    span.record_exception(error)
    span.set_status(Status(StatusCode.ERROR, f"{type(error).__qualname__}: {error}"))
    return "error"


def _is_refusal(error: Exception) -> bool:
    status = getattr(error, "status", None) or getattr(error, "status_code", None)
    return isinstance(status, int) and status < _FIRST_SERVER_ERROR


def logged(
    event: str | None = None,
    *,
    arguments: Sequence[str] = (),
    level: str = "info",
    logger: EventLogger | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Logs one line after each call: the event (default: the qualified name), `duration_ms` and `outcome`.

    `outcome` is "ok", "refused" (see `traced`), "cancelled" or "error"; the latter adds `error.type` and is
    logged as a warning. What is raised is raised again: whoever handles it logs the details. Only the
    `arguments` that you name are logged, never the rest.

    Raises:
        TypeError: At decoration, if the function lacks a named argument or is a generator.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        log = logger or get_logger(function.__module__)
        write = getattr(log, level)
        event_name = event or function.__qualname__

        @contextmanager
        def surround(values: Mapping[str, object]) -> Iterator[None]:
            started = time.perf_counter()
            try:
                yield
            except Exception as error:
                refused = _is_refusal(error)
                tell, outcome = (write, "refused") if refused else (log.warning, "error")
                failed = {"outcome": outcome, "error.type": type(error).__qualname__}
                tell(event_name, **values, **failed, duration_ms=_milliseconds(started))
                raise
            except BaseException:
                write(event_name, **values, outcome="cancelled", duration_ms=_milliseconds(started))
                raise
            write(event_name, **values, outcome="ok", duration_ms=_milliseconds(started))

        return _wrapped(function, arguments, surround)

    return decorate


def _wrapped(function: Callable[P, R], arguments: Sequence[str], surround: _Surround) -> Callable[P, R]:
    choose = _chooser(function, arguments)
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def run_coroutine(*args: P.args, **kwargs: P.kwargs) -> Any:  # noqa: ANN401 - the coroutine's result
            with surround(choose(args, kwargs)):
                return await function(*args, **kwargs)

        return cast("Callable[P, R]", run_coroutine)

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with surround(choose(args, kwargs)):
            return function(*args, **kwargs)

    return run


_Choose = Callable[[Sequence[object], Mapping[str, object]], Mapping[str, object]]


def _chooser(function: Callable[..., object], arguments: Sequence[str]) -> _Choose:
    """Return what reads the named arguments from a call; positions are worked out once."""
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"{function.__qualname__} is a generator: a span across yields cannot be closed in order"
        )
    parameters = inspect.signature(function).parameters
    missing = [name for name in arguments if name not in parameters]
    if missing:
        raise TypeError(f"{function.__qualname__} has no argument {missing[0]!r}")
    order = [name for name, each in parameters.items() if each.kind in _POSITIONAL]
    positions = {name: order.index(name) if name in order else sys.maxsize for name in arguments}
    defaults = {name: parameters[name].default for name in arguments}

    def choose(args: Sequence[object], kwargs: Mapping[str, object]) -> Mapping[str, object]:
        chosen: dict[str, object] = {}
        for name, position in positions.items():
            chosen[name] = args[position] if position < len(args) else kwargs.get(name, defaults[name])
        return chosen

    return choose


def _milliseconds(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 3)
