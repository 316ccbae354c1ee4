"""One CLIENT span, one measurement and, if slow, one log line per MongoDB command."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from otel.context import note
from otel.db_metrics import MONGODB, OPERATION_DURATION, RETURNED_ROWS
from otel.mongo_shape import shape_of
from otel.redaction import Redactor
from otel.slow_query import log_slow

# The driver's own talk with the server.
_UNTOLD: Final = frozenset({"hello", "ismaster", "endsessions", "killcursors", "saslstart", "saslcontinue"})
_LONGEST_MESSAGE: Final = 300


class _Call:
    __slots__ = ("collection", "command", "name", "request_id", "span")

    def __init__(self, event: CommandStartedEvent, span: Span, collection: str | None) -> None:
        self.request_id = event.request_id
        self.name = event.command_name
        self.command = event.command
        self.collection = collection
        self.span = span


# The driver runs a command from start to end in one thread and one context (motor copies the request's
# context into its thread), so the running command hangs on that context and ends with it: nothing can leak.
_RUNNING: Final[ContextVar[_Call | None]] = ContextVar("otel.mongo.running", default=None)


class CommandTelemetry(CommandListener):
    """Listens to the driver's commands; `slow_seconds` is the threshold of the slow-query log."""

    def __init__(self, redactor: Redactor, slow_seconds: float) -> None:
        self._redactor = redactor
        self._slow_seconds = slow_seconds
        self._tracer = trace.get_tracer("otel.mongo")
        self.enabled = True

    def started(self, event: CommandStartedEvent) -> None:
        """Starts the span below the span that is current where the command was called."""
        untold = not self.enabled or event.command_name.lower() in _UNTOLD
        if untold or not is_instrumentation_enabled():
            _RUNNING.set(None)
            return
        collection = _collection(event.command_name, event.command)
        name = f"{event.command_name} {collection}" if collection else event.command_name
        span = self._tracer.start_span(name, kind=SpanKind.CLIENT)
        if span.is_recording():
            span.set_attributes(_described(event, collection))
        _RUNNING.set(_Call(event, span, collection))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Ends the span with the number of documents that came back."""
        call = _ended(event.request_id)
        if call is None:
            return
        reply = event.reply
        returned = _returned(reply)
        if call.span.is_recording():
            _tell_result(call.span, reply, returned)
        self._finish(call, event.duration_micros / 1e6, returned, None)

    def failed(self, event: CommandFailedEvent) -> None:
        """Ends the span as an error with the server's code."""
        call = _ended(event.request_id)
        if call is None:
            return
        failure = event.failure
        error_type = str(failure.get("codeName") or failure.get("errtype") or failure.get("code") or "error")
        if call.span.is_recording():
            call.span.set_attribute("error.type", error_type)
            if "code" in failure:
                call.span.set_attribute("db.response.status_code", str(failure["code"]))
            message = self._redactor.text(str(failure.get("errmsg", "")))[:_LONGEST_MESSAGE]
            call.span.set_status(Status(StatusCode.ERROR, message))
        self._finish(call, event.duration_micros / 1e6, None, error_type)

    def _finish(self, call: _Call, seconds: float, returned: int | None, error_type: str | None) -> None:
        labels: dict[str, Any] = {"db.system.name": MONGODB, "db.operation.name": call.name}
        if call.collection is not None:
            labels["db.collection.name"] = call.collection
        context = trace.set_span_in_context(call.span)
        if returned is not None:
            RETURNED_ROWS.record(returned, labels, context)
        if error_type is not None:
            labels["error.type"] = error_type
        OPERATION_DURATION.record(seconds, labels, context)
        note(MONGODB, f"{call.name} {call.collection or ''}".rstrip(), "error" if error_type else "info")
        if seconds >= self._slow_seconds:
            with trace.use_span(call.span):
                log_slow(MONGODB, call.name, call.collection, seconds, shape_of(call.command), returned)
        call.span.end()


def _ended(request_id: int) -> _Call | None:
    call = _RUNNING.get()
    if call is None or call.request_id != request_id:
        return None
    _RUNNING.set(None)
    return call


def _described(event: CommandStartedEvent, collection: str | None) -> dict[str, Any]:
    # https://opentelemetry.io/docs/specs/semconv/database/mongodb/
    described: dict[str, Any] = {
        "db.system.name": MONGODB,
        "db.namespace": event.database_name,
        "db.operation.name": event.command_name,
        "db.query.text": shape_of(event.command),
    }
    if collection is not None:
        described["db.collection.name"] = collection
    if event.connection_id is not None:
        host, port = event.connection_id
        described["server.address"] = host
        if port is not None:
            described["server.port"] = port
    return described


def _collection(name: str, command: Mapping[str, Any]) -> str | None:
    value = command.get("collection") if name == "getMore" else command.get(name)
    return value if isinstance(value, str) else None


def _returned(reply: Mapping[str, Any]) -> int | None:
    cursor = reply.get("cursor")
    if isinstance(cursor, Mapping):
        return len(cursor.get("firstBatch") or cursor.get("nextBatch") or ())
    return None


def _tell_result(span: Span, reply: Mapping[str, Any], returned: int | None) -> None:
    if returned is not None:
        span.set_attribute("db.response.returned_rows", returned)
    refused = reply.get("writeErrors")
    if refused:
        # A refused write, such as a duplicate key, is often what the caller expects: no error.
        span.set_attribute("db.response.status_code", str(refused[0].get("code")))
