"""The fixed cost of a record, kept low: its stdlib form, and its timestamp as text."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Final

from otel.logs.render import FIELDS

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]
"""An error as stdlib records hold it."""

_Args = tuple[object, ...]

# Attributes that are the same for every event of this process.
_SAME: Final = vars(logging.LogRecord("", 0, "", 0, "", (), None)) | {"filename": "", "module": ""}
_STARTED: Final = time.time()


class EventRecord(logging.LogRecord):
    """A stdlib record of an event: every attribute that formatters use, without a search for the caller.

    An event has no file and line; stdlib would split the empty path and look up names in three modules.
    """

    def __init__(
        self,
        name: str,
        level: int,
        event: object,
        args: _Args,
        fields: dict[str, object],
        exc_info: ExcInfo | None,
        stack: str | None,
    ) -> None:
        now = time.time()
        held = self.__dict__
        held.update(_SAME)
        held["name"] = name
        held["msg"] = event
        held["args"] = _named(args) if len(args) == 1 else args
        held["levelname"] = logging.getLevelName(level)
        held["levelno"] = level
        held["exc_info"] = exc_info
        held["stack_info"] = stack
        held["created"] = now
        held["msecs"] = int(now % 1 * 1000) + 0.0
        held["relativeCreated"] = (now - _STARTED) * 1000
        held["thread"] = threading.get_ident()
        held["threadName"] = threading.current_thread().name
        held["process"] = os.getpid()
        held[FIELDS] = fields


def _named(args: _Args) -> object:
    """Unwraps a mapping that is the only argument, for `%(name)s`, as stdlib does."""
    with suppress(Exception):  # whatever a foreign mapping's own code does, the caller goes on
        if issubclass(type(args[0]), Mapping) and args[0]:
            return args[0]
    return args


def event_record(
    logger: logging.Logger,
    level: int,
    event: object,
    args: _Args,
    fields: dict[str, object],
    exc_info: ExcInfo | None,
    stack: str | None,
) -> logging.LogRecord:
    """Creates an event's record, through the record factory if a library has set one."""
    if logging.getLogRecordFactory() is logging.LogRecord:
        return EventRecord(logger.name, level, event, args, fields, exc_info, stack)
    record = logger.makeRecord(logger.name, level, "", 0, event, args, exc_info, None, None, stack)
    setattr(record, FIELDS, fields)
    return record


class Clock:
    """Formats times as ISO 8601, UTC, with microseconds; the text of each second is cached."""

    def __init__(self) -> None:
        self._second = (-1, "")

    def text(self, seconds: float) -> str:
        """Formats a time given in seconds since the epoch."""
        micros = round(seconds * 1e6)
        second, rest = divmod(micros, 1_000_000)
        known, prefix = self._second
        if second != known:
            prefix = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
            self._second = (second, prefix)
        return f"{prefix}{rest:06d}+00:00"
