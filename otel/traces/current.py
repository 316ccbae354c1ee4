"""Makes a span current around a block of code, and records the exception that leaves the block.

The API's own `use_span` (1.45.2) formats the exception with an f-string. If the exception's `__str__` fails,
the application would get that error instead of its own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextvars import Token
from functools import wraps
from types import TracebackType
from typing import Any

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode

from otel.foreign.guard import harmless
from otel.foreign.names import type_name
from otel.foreign.values import error_text


@harmless
def set_error(
    span: Span, error: BaseException, *, event: bool = True, status: bool = True, at: int | None = None
) -> None:
    """Records an exception on a span, as an event and as the status ERROR with type and message.

    `at` is the event's time in nanoseconds since the epoch (default: now).
    """
    if event:
        span.record_exception(error, timestamp=at)
    if status:
        described = f"{type_name(type(error))}: {error_text(error)}"
        span.set_status(Status(StatusCode.ERROR, described))


class use_span:  # noqa: N801 - it replaces a function of the API
    """Makes a span current inside a `with`, or around each call of a decorated function or coroutine.

    The contract is that of `opentelemetry.trace.use_span`: an `Exception` is recorded on the span unless the
    arguments say otherwise, and propagates unchanged.
    """

    __slots__ = ("_end_on_exit", "_record_exception", "_set_status", "_span", "_token")

    def __init__(
        self,
        span: Span,
        end_on_exit: bool = False,  # noqa: FBT001, FBT002 - the signature of the API
        record_exception: bool = True,  # noqa: FBT001, FBT002 - as above
        set_status_on_exception: bool = True,  # noqa: FBT001, FBT002 - as above
    ) -> None:
        self._span = span
        self._end_on_exit = end_on_exit
        self._record_exception = record_exception
        self._set_status = set_status_on_exception
        self._token: Token[Context] | None = None

    def __enter__(self) -> Span:
        self._token = context.attach(trace.set_span_in_context(self._span))
        return self._span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, stack: TracebackType | None
    ) -> None:
        if self._token is not None:
            context.detach(self._token)
        span = self._span
        if error is not None and issubclass(type(error), Exception) and _is_recording(span):
            set_error(span, error, event=self._record_exception, status=self._set_status)
        if self._end_on_exit:
            _end(span)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorates a function or a coroutine."""
        arguments = (self._span, self._end_on_exit, self._record_exception, self._set_status)
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def run_coroutine(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - the coroutine's result
                with use_span(*arguments):
                    return await function(*args, **options)

            return run_coroutine

        @wraps(function)
        def run(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - the function's result
            with use_span(*arguments):
                return function(*args, **options)

        return run


@harmless
def _is_recording(span: Span) -> bool:
    return span.is_recording()


@harmless
def _end(span: Span) -> None:
    span.end()


def replace_use_span() -> Callable[[], None]:
    """Replaces the API's `use_span`, which tracers and middleware call, with ours; returns the undo."""
    original = trace.use_span
    setattr(trace, "use_span", use_span)  # noqa: B010 - mypy types it as a function

    def undo() -> None:
        setattr(trace, "use_span", original)  # noqa: B010 - as above

    return undo
