"""Reads a stdlib record's content and context at the moment it is logged."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final, cast

from opentelemetry import trace
from structlog import contextvars

from otel.burst import Message, failure_of
from otel.context import REQUEST
from otel.foreign.values import text_of
from otel.logs.render import FIELDS

_NOTHING: Final[Mapping[str, Any]] = {}
# structlog (26.1.0) scans all context variables, 3 µs per record: skipped if none was ever bound.
# The name is private; if it disappears, we scan every time.
_EVER_BOUND: Final = getattr(contextvars, "_CONTEXT_VARS", True)
_PLAIN: Final = logging.LogRecord("", 0, "", 0, "", None, None)
_LONGEST_KIND: Final = 512
_RESERVED: Final = frozenset(vars(_PLAIN)) | {"message", "asctime", FIELDS}


def current_context() -> dict[str, str]:
    """Returns the request, trace, user and route that a record logged now belongs to."""
    request = REQUEST.get()
    span = trace.get_current_span()
    context: dict[str, str] = {}
    if request is not None:
        context["request_id"] = request.request_id
    if request is not None and span is request.span and request.trace_id and request.span_id:
        context["trace_id"], context["span_id"] = request.trace_id, request.span_id
    elif (identity := span.get_span_context()).is_valid:
        context["trace_id"], context["span_id"] = f"{identity.trace_id:032x}", f"{identity.span_id:016x}"
    if request is None:
        return context
    if request.user_id is not None:
        context["user.id"] = request.user_id
    if (route := request.route) is not None:
        context["http.route"] = route
    return context


def bound_variables() -> Mapping[str, Any]:
    """Returns the variables bound by `structlog.contextvars.bind_contextvars` in the current context."""
    return contextvars.get_contextvars() if _EVER_BOUND else _NOTHING


def extra_of(record: logging.LogRecord) -> dict[str, object]:
    """Returns the fields that `extra` added to a stdlib record."""
    return {name: value for name, value in vars(record).items() if name not in _RESERVED}


def error_of(record: logging.LogRecord) -> BaseException | None:
    """Returns the record's error; None if it has none or a library put something else there."""
    held: object = record.exc_info
    found = next(iter(held[1:]), None) if type(held) is tuple else held
    return cast("BaseException", found) if issubclass(type(found), BaseException) else None


def kind_of(record: logging.LogRecord) -> Message:
    """Returns the key that bursts are counted by: failures by what failed, so that none hides another."""
    error, text = error_of(record), text_of(record.msg, _LONGEST_KIND)
    if error is None and record.levelno < logging.ERROR:
        return Message(record.name, record.levelno, text)
    request = REQUEST.get()
    failed = failure_of(error, None if request is None else request.route)
    return Message(record.name, record.levelno, text, failed)
