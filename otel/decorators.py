"""`@traced` and `@logged`: a span around a function, or a log line after it, with the arguments you name."""

from __future__ import annotations

import functools
import inspect
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import Token
from types import TracebackType
from typing import Any, Final, ParamSpec, TypeVar, cast

from opentelemetry import context, trace
from opentelemetry.context import Context

from otel.foreign.guard import harmless
from otel.foreign.names import is_scalar, type_name
from otel.foreign.values import text_of
from otel.logs.event_logger import EventLogger
from otel.logs.levels import LEVELS
from otel.logs.logger import get_logger
from otel.traces.current import set_error

P = ParamSpec("P")
R = TypeVar("R")

_FIRST_SERVER_ERROR: Final = 500
_POSITIONAL: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
# Fields that the decorators set themselves, and keyword options of a logger.
_RESERVED: Final = frozenset(
    {"outcome", "error.type", "duration_ms", "exc_info", "stack_info", "stacklevel", "positional_args"}
)


class _Watched:
    """Watches one call from inside a `with`; an exception passes through unchanged."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, stack: TracebackType | None
    ) -> None:
        self.finish(error)

    def finish(self, error: BaseException | None) -> None:
        """Ends the watch; `error` is what the call raised, if anything. Never raises."""
        raise NotImplementedError


_Watch = Callable[[Mapping[str, object]], _Watched]
"""Starts watching a call with these arguments; never raises."""


def traced(
    name: str | None = None, *, arguments: Sequence[str] = ()
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Runs the function or coroutine in a span of this name (default: its qualified name).

    Only the `arguments` that you name become attributes; one that clashes with a reserved attribute gets a
    trailing underscore. `outcome` is "ok", "refused", "error" or "cancelled". An error is recorded on the
    span with its type and re-raised. A refusal, an exception whose `status` or `status_code` is below 500, is
    the caller's fault and leaves the span's status unset. The function runs exactly once, even if its span
    fails.

    Raises:
        TypeError: At decoration, if the function lacks a named argument, is a generator or not callable.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        tracer = trace.get_tracer(_module_of(function))
        span_name = _name_of(function) if name is None else text_of(name)
        return _wrapped(function, arguments, lambda values: _Span(tracer, span_name, values))

    return decorate


class _Span(_Watched):
    __slots__ = ("_span", "_token")

    def __init__(self, tracer: trace.Tracer, name: str, values: Mapping[str, object]) -> None:
        self._span: trace.Span = trace.INVALID_SPAN
        self._token: Token[Context] | None = None
        self._start(tracer, name, values)

    @harmless
    def _start(self, tracer: trace.Tracer, name: str, values: Mapping[str, object]) -> None:
        attributes: dict[str, Any] = {
            key: value if value is not None and is_scalar(value) else text_of(value)
            for key, value in values.items()
        }
        self._span = tracer.start_span(name, attributes=attributes)
        self._token = context.attach(trace.set_span_in_context(self._span))

    def finish(self, error: BaseException | None) -> None:
        if self._token is not None:
            context.detach(self._token)
        self._describe(error)
        self._end()

    @harmless
    def _describe(self, error: BaseException | None) -> None:
        span, outcome = self._span, _outcome(error)
        if error is not None and issubclass(type(error), Exception):
            span.set_attribute("error.type", type_name(type(error)))
        if error is not None and outcome == "error":
            set_error(span, error)
        span.set_attribute("outcome", outcome)

    @harmless
    def _end(self) -> None:
        self._span.end()


def _outcome(error: BaseException | None) -> str:
    if error is None:
        return "ok"
    if not issubclass(type(error), Exception):
        return "cancelled"
    return "refused" if _is_refusal(error) else "error"


def _is_refusal(error: BaseException) -> bool:
    try:
        status = getattr(error, "status", None) or getattr(error, "status_code", None)
    except Exception:  # noqa: BLE001 - the error's own property
        return False
    return issubclass(type(status), int) and int.__index__(cast("int", status)) < _FIRST_SERVER_ERROR


def logged(
    event: str | None = None,
    *,
    arguments: Sequence[str] = (),
    level: str = "info",
    logger: EventLogger | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Logs one line after each call: the event (default: the qualified name), `duration_ms` and `outcome`.

    `outcome` is "ok", "refused" (see `traced`), "cancelled" or "error"; refusals and errors add `error.type`,
    and an error is logged as a warning. Exceptions are re-raised: whoever handles them logs the details.
    Only the `arguments` that you name are logged; one that clashes with a reserved field gets a trailing
    underscore. The function runs exactly once, even if its line fails.

    Raises:
        TypeError: At decoration, if the function lacks a named argument, is a generator or not callable.
        ValueError: At decoration, if the level is unknown.
    """
    if level not in LEVELS:
        raise ValueError(f"level: {text_of(level, 80)!r} is unknown, use one of {', '.join(LEVELS)}")

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        log = get_logger(_module_of(function)) if logger is None else logger
        event_name = _name_of(function) if event is None else text_of(event)
        return _wrapped(function, arguments, lambda values: _Line(log, event_name, level, values))

    return decorate


class _Line(_Watched):
    __slots__ = ("_event", "_level", "_log", "_started", "_values")

    def __init__(self, log: EventLogger, event: str, level: str, values: Mapping[str, object]) -> None:
        self._log = log
        self._event = event
        self._level = level
        self._values = values
        self._started = time.perf_counter()

    @harmless
    def finish(self, error: BaseException | None) -> None:
        outcome = _outcome(error)
        fields = {**self._values, "outcome": outcome}
        if error is not None and outcome != "cancelled":
            fields["error.type"] = type_name(type(error))
        fields["duration_ms"] = round((time.perf_counter() - self._started) * 1000, 3)
        write = getattr(self._log, "warning" if outcome == "error" else self._level)
        write(self._event, **fields)


def _wrapped(function: Callable[P, R], arguments: Sequence[str], watch: _Watch) -> Callable[P, R]:
    choose = _chooser(function, arguments)
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def run_coroutine(*args: P.args, **kwargs: P.kwargs) -> Any:  # noqa: ANN401 - the coroutine's result
            with watch(choose(args, kwargs)):
                return await function(*args, **kwargs)

        return cast("Callable[P, R]", run_coroutine)

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with watch(choose(args, kwargs)):
            return function(*args, **kwargs)

    return run


_Choose = Callable[[Sequence[object], Mapping[str, object]], Mapping[str, object]]


def _chooser(function: Callable[..., object], arguments: Sequence[str]) -> _Choose:
    """Return a function that picks the named arguments out of a call; positions are resolved once."""
    if not callable(function):
        raise TypeError(f"{type_name(type(function))} is not callable: put the decorator below this one")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"{_name_of(function)} is a generator: a span across yields cannot be closed in order"
        )
    if not arguments:
        return lambda _args, _kwargs: {}
    parameters = inspect.signature(function).parameters
    missing = [name for name in arguments if name not in parameters]
    if missing:
        raise TypeError(f"{_name_of(function)} has no argument {missing[0]!r}")
    order = [name for name, each in parameters.items() if each.kind in _POSITIONAL]
    places = [
        (
            name,
            f"{name}_" if name in _RESERVED else name,
            order.index(name) if name in order else sys.maxsize,
            parameters[name].default,
        )
        for name in arguments
    ]

    def choose(args: Sequence[object], kwargs: Mapping[str, object]) -> Mapping[str, object]:
        chosen: dict[str, object] = {}
        for name, key, position, default in places:
            value = args[position] if position < len(args) else kwargs.get(name, default)
            if value is not inspect.Parameter.empty:  # missing: the call itself raises the TypeError
                chosen[key] = value
        return chosen

    return choose


def _name_of(function: object) -> str:
    """Return the qualified name of a function, or the class name of another callable such as a `partial`."""
    name = getattr(function, "__qualname__", None)
    return name if isinstance(name, str) else type_name(type(function))


def _module_of(function: object) -> str:
    module = getattr(function, "__module__", None)
    return module if isinstance(module, str) else type(function).__module__
