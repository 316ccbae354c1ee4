"""`EventLogger`: the API of structlog's stdlib `BoundLogger`, with a short path from call to pipeline."""

from __future__ import annotations

import inspect
import logging
import sys
import traceback
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any, Final, cast

import structlog
from structlog.testing import LogCapture
from structlog.types import EventDict, Processor

from otel.dotted import is_within
from otel.foreign.guard import note_failure
from otel.logs.levels import LEVELS
from otel.logs.record import ExcInfo, event_record

_LEVEL_OF: Final = {**LEVELS, "warn": logging.WARNING, "exception": logging.ERROR, "fatal": logging.CRITICAL}
_NAMES: Final = {number: name for name, number in LEVELS.items()}
# Options of the call, not fields; stdlib's and structlog's loggers accept them too.
_OPTIONS: Final = frozenset({"exc_info", "stack_info", "stacklevel"})
_INSIDE: Final = ("structlog", "logging", __name__)
_MOST_FRAMES: Final = 50
_HIGHEST: Final = 1000  # a level beyond any use, whose number is still short


def _unless_captured(logger: logging.Logger, method: str, event: EventDict) -> EventDict:
    """Passes the event to `structlog.testing.capture_logs` while structlog is not configured by us."""
    chain = list(structlog.get_config()["processors"])
    if not isinstance(chain[-1] if chain else None, LogCapture):
        return event
    for processor in chain:
        event = processor(logger, method, event)
    return event


CHAIN: Final[list[Processor]] = [_unless_captured]
"""The processors of all our loggers. Telemetry empties it; `capture_logs` temporarily adds its own."""


def configure_structlog() -> Callable[[], None]:
    """Makes structlog return an `EventLogger` for every logger; returns a function that undoes it."""
    before = structlog.get_config() if structlog.is_configured() else None
    CHAIN.clear()
    structlog.configure(processors=CHAIN, wrapper_class=EventLogger, logger_factory=_stdlib_logger)

    def undo() -> None:
        CHAIN[:] = [_unless_captured]
        structlog.reset_defaults()
        if before is not None:
            structlog.configure(**before)

    return undo


def _awaited(method: Callable[..., None]) -> Callable[..., Coroutine[Any, Any, None]]:
    """Returns the awaitable form of a method; it logs at once.

    structlog logs in a thread, because its renderers may be slow; there `exc_info=True` finds no error, and
    lines that are not awaited lose their order.
    """

    async def log(self: EventLogger, /, *args: object, **fields: object) -> None:
        method(self, *args, **fields)

    return log


class EventLogger(structlog.stdlib.BoundLogger):
    """A structlog bound logger: event name first, fields as keywords; `bind` adds fields to every event.

    Has every method of `structlog.stdlib.BoundLogger` with the same meaning, including `%` arguments,
    `exc_info` (True, an error or a tuple) and `stack_info`, plus `msg`, `amsg` and `awarn`. Any keyword is a
    field. Works before and without `configure_logging`: stdlib's defaults then decide what is shown.
    """

    def debug(self, event: object = None, /, *args: object, **fields: object) -> None:
        """Logs what only a developer wants to see."""
        self._emit(logging.DEBUG, "debug", event, args, fields)

    def info(self, event: object = None, /, *args: object, **fields: object) -> None:
        """Logs normal operation."""
        self._emit(logging.INFO, "info", event, args, fields)

    def warning(self, event: object = None, /, *args: object, **fields: object) -> None:
        """Logs a problem that was handled."""
        self._emit(logging.WARNING, "warning", event, args, fields)

    def error(self, event: object = None, /, *args: object, **fields: object) -> None:
        """Logs a failure; `exc_info` adds the error's type, message and stack trace."""
        self._emit(logging.ERROR, "error", event, args, fields)

    def exception(self, event: object = None, /, *args: object, **fields: object) -> None:
        """Logs a failure with the error being handled."""
        fields.setdefault("exc_info", True)
        self._emit(logging.ERROR, "exception", event, args, fields)

    def critical(self, event: object = None, /, *args: object, **fields: object) -> None:
        """Logs what needs a person now."""
        self._emit(logging.CRITICAL, "critical", event, args, fields)

    def log(self, level: object = None, event: object = None, /, *args: object, **fields: object) -> None:
        """Logs at a level given by number or name; at `info` if it is neither."""
        if level is None:
            level = fields.pop("level", None)
        number = _level_number(level)
        self._emit(number, _NAMES.get(number, "info"), event, args, fields)

    warn, msg, fatal = warning, info, critical
    adebug, ainfo, amsg = _awaited(debug), _awaited(info), _awaited(info)
    awarning, awarn, aerror = _awaited(warning), _awaited(warning), _awaited(error)
    acritical, afatal, aexception = _awaited(critical), _awaited(critical), _awaited(exception)
    alog = _awaited(log)

    def _emit(
        self,
        level: int,
        method: str,
        event: object,
        args: tuple[object, ...],
        fields: dict[str, object],
    ) -> None:
        if event is None:
            event = fields.pop("event", "")
        if self._processors:
            self._process(level, method, event, args, fields)
        elif self._logger.isEnabledFor(level):
            self._deliver(level, event, args, {**self._context, **fields})

    def _process(
        self,
        level: int,
        method: str,
        event: object,
        args: tuple[object, ...],
        fields: dict[str, object],
    ) -> None:
        """Runs the event through structlog's processors; passes their output to the wrapped logger."""
        if args:
            fields["positional_args"] = args
        try:
            rendered, left = self._process_event(method, event, fields)  # type: ignore[arg-type]  # any object is good
        except structlog.DropEvent:
            return
        if rendered or "event" not in left:
            getattr(self._logger, method)(*rendered, **left)
        elif self._logger.isEnabledFor(level):
            facts = dict(left)
            self._deliver(level, facts.pop("event"), facts.pop("positional_args", ()), facts)

    def _deliver(
        self, level: int, event: object, args: tuple[object, ...], fields: dict[str, object]
    ) -> None:
        exc_info, stack = None, None
        try:
            if not _OPTIONS.isdisjoint(fields):
                exc_info, stack = (
                    _exc_info(fields.pop("exc_info", None)),
                    _stack(fields.pop("stack_info", None)),
                )
                fields.pop("stacklevel", None)
            self._logger.handle(event_record(self._logger, level, event, args, fields, exc_info, stack))
        except Exception:  # noqa: BLE001 - filters, handlers and record factories may be foreign code
            note_failure("a log call")


# By type, not `isinstance`, which reads a foreign object's `__class__`.
def _level_number(level: object) -> int:
    if issubclass(type(level), int):
        return max(1, min(int.__index__(level), _HIGHEST))  # type: ignore[arg-type]  # it is one
    if issubclass(type(level), str):
        return _LEVEL_OF.get(str.lower(level), logging.INFO)  # type: ignore[arg-type]  # it is one
    return logging.INFO


def _exc_info(given: object) -> ExcInfo | None:
    """Reads `exc_info` as stdlib's loggers do: an error, a triple, or the error being handled."""
    if given is None or given is False:
        return None
    error: object = given if issubclass(type(given), BaseException) else sys.exc_info()[1]
    if type(given) is tuple:
        error = next(iter(given[1:]), None)
    if not issubclass(type(error), BaseException):
        return None
    raised = cast("BaseException", error)
    return type(raised), raised, BaseException.__dict__["__traceback__"].__get__(raised)


def _stack(given: object) -> str | None:
    """Returns the innermost 50 calls that led here, if requested."""
    if given is None or given is False:
        return None
    frames = traceback.format_stack(_caller(), _MOST_FRAMES)
    return "Stack (most recent call last):\n" + "".join(frames).rstrip()


def _stdlib_logger(*names: str | None) -> logging.Logger:
    """Returns the logger of that name, else the calling module's, as structlog's own factory does.

    structlog's factory (26.1.0) also changes the class of every stdlib logger created afterwards.
    """
    if names:
        return logging.getLogger(names[0])
    caller = _caller()
    return logging.getLogger("app" if caller is None else _module(caller))


def _caller() -> FrameType | None:
    frame = inspect.currentframe()
    while frame is not None and is_within(_module(frame), _INSIDE):
        frame = frame.f_back
    return frame


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__") or "app")
