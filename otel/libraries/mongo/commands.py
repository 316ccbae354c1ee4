"""One CLIENT span, one measurement and, if slow, one log line per MongoDB command."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from time import monotonic_ns
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import SpanKind, Status, StatusCode
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from otel.context import note
from otel.foreign.values import text_of
from otel.libraries.database_metrics import MONGODB, OPERATION_DURATION, RETURNED_ROWS
from otel.libraries.mongo.shape import shape_of
from otel.libraries.repeated_queries import count_query
from otel.libraries.slow_query import log_slow
from otel.metrics.histogram import HistogramSeries
from otel.traces.tracer import time_in_trace

if TYPE_CHECKING:
    from otel.redaction.engine import Redactor

# The driver's own housekeeping.
_IGNORED: Final = frozenset({"hello", "ismaster", "endsessions", "killcursors", "saslstart", "saslcontinue"})
_LONGEST_MESSAGE: Final = 300
_LONGEST_READ: Final = 1024
_MOST_KINDS: Final = 1000
_MOST_ERRORS: Final = 50

_Place = tuple[str, tuple[str, int | None] | None]  # the database's name and the server's address


class _Kind:
    """What all commands of one name on one collection share, computed once."""

    __slots__ = ("_durations", "attributes", "collection", "name", "returned", "title")

    def __init__(self, name: str, collection: str | None, place: _Place) -> None:
        self.name = name
        self.collection = collection
        self.title = f"{name} {collection}" if collection else name
        self.attributes = _described(name, collection, place)
        self.returned = RETURNED_ROWS.with_attributes(self._labels(None))
        self._durations: dict[str | None, HistogramSeries] = {}

    def duration(self, error_type: str | None) -> HistogramSeries:
        """Returns the duration series of commands that ended with this error type, or without an error."""
        found = self._durations.get(error_type)
        if found is None:
            if len(self._durations) >= _MOST_ERRORS:
                self._durations.clear()
            found = self._durations[error_type] = OPERATION_DURATION.with_attributes(self._labels(error_type))
        return found

    def _labels(self, error_type: str | None) -> dict[str, object]:
        labels: dict[str, object] = {"db.system.name": MONGODB, "db.operation.name": self.name}
        if self.collection is not None:
            labels["db.collection.name"] = self.collection
        return labels if error_type is None else labels | {"error.type": error_type}


_Call = tuple[CommandStartedEvent, int]  # the command, and its start in monotonic nanoseconds

# The driver runs a command from start to end in one thread and one context (motor copies the request's
# context into its thread), so the running command is kept in that context and goes with it: nothing can leak.
_RUNNING: Final[ContextVar[_Call | None]] = ContextVar("otel.mongo.running", default=None)


class CommandTelemetry(CommandListener):
    """Listens to the driver's commands; `slow_seconds` is the threshold of the slow-query log.

    `most_repeated` is how often queries of one shape may occur in a request before it is reported; 0: never.
    """

    def __init__(self, redactor: Redactor, *, slow_seconds: float, most_repeated: int) -> None:
        self._redactor = redactor
        self._slow_seconds = slow_seconds
        self._most_repeated = most_repeated
        self._tracer = trace.get_tracer("otel.mongo")
        self._kinds: dict[tuple[str, str | None, _Place], _Kind] = {}

    def started(self, event: CommandStartedEvent) -> None:
        """Remembers the command and its start time.

        The whole span is created when the command ends: after the wait for the server, the code and data of a
        span started here would have been evicted from the CPU caches, which costs more than creating it.
        """
        if event.command_name.lower() in _IGNORED or not is_instrumentation_enabled():
            _RUNNING.set(None)
            return
        _RUNNING.set((event, monotonic_ns()))

    def _kind(self, event: CommandStartedEvent) -> _Kind:
        collection = _collection(event.command_name, event.command)
        key = (event.command_name, collection, (event.database_name, event.connection_id))
        found = self._kinds.get(key)
        if found is None:
            if len(self._kinds) >= _MOST_KINDS:
                self._kinds.clear()
            found = self._kinds[key] = _Kind(*key)
        return found

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Records the command as a child of the span that is current in its caller."""
        call = _ended(event.request_id)
        if call is None:
            return
        returned = _returned(event.reply)
        self._finish(call, event.duration_micros / 1e6, returned, _result(event.reply, returned))

    def failed(self, event: CommandFailedEvent) -> None:
        """Records the command as an error with the server's code."""
        call = _ended(event.request_id)
        if call is None:
            return
        failure = event.failure
        error_type = str(failure.get("codeName") or failure.get("errtype") or failure.get("code") or "error")
        facts: dict[str, str | int] = {"error.type": error_type}
        if "code" in failure:
            facts["db.response.status_code"] = str(failure["code"])
        # The message of a duplicate key shows the whole document.
        text = text_of(failure.get("errmsg", ""), _LONGEST_READ)
        message = self._redactor.text(text)[:_LONGEST_MESSAGE]
        self._finish(call, event.duration_micros / 1e6, None, facts, Status(StatusCode.ERROR, message))

    def _finish(
        self,
        call: _Call,
        seconds: float,
        returned: int | None,
        facts: dict[str, str | int],
        status: Status | None = None,
    ) -> None:
        (event, started), kind = call, self._kind(call[0])
        error_type = str(facts["error.type"]) if status is not None else None
        span = self._tracer.start_span(
            kind.title,
            kind=SpanKind.CLIENT,
            attributes=kind.attributes | facts,
            start_time=time_in_trace(started),
        )
        if span.is_recording():
            span.set_attribute("db.query.text", shape_of(event.command))
        if status is not None:
            span.set_status(status)
        identity = span.get_span_context()
        if returned is not None:
            kind.returned.record(returned, identity)
        kind.duration(error_type).record(seconds, identity)
        note(MONGODB, kind.title, "error" if error_type else "info")
        if kind.name != "getMore":  # the next part of one query's result
            count_query(MONGODB, self._most_repeated, kind, lambda: shape_of(event.command))
        if seconds >= self._slow_seconds:
            with trace.use_span(span):
                log_slow(MONGODB, kind.name, kind.collection, seconds, shape_of(event.command), returned)
        span.end()


def _ended(request_id: int) -> _Call | None:
    call = _RUNNING.get()
    if call is None or call[0].request_id != request_id:
        return None
    _RUNNING.set(None)
    return call


def _described(name: str, collection: str | None, place: _Place) -> dict[str, str | int]:
    # https://opentelemetry.io/docs/specs/semconv/database/mongodb/
    namespace, address = place
    described: dict[str, str | int] = {
        "db.system.name": MONGODB,
        "db.namespace": namespace,
        "db.operation.name": name,
    }
    if collection is not None:
        described["db.collection.name"] = collection
    if address is not None:
        host, port = address
        described["server.address"] = host
        if port is not None:
            described["server.port"] = port
    return described


def _collection(name: str, command: Mapping[str, Any]) -> str | None:
    value = command.get("collection") if name == "getMore" else command.get(name)
    return value if isinstance(value, str) else None


def _returned(reply: Mapping[str, Any]) -> int | None:
    cursor = reply.get("cursor")
    if cursor.__class__ is dict or isinstance(cursor, Mapping):
        return len(cursor.get("firstBatch") or cursor.get("nextBatch") or ())
    return None


def _result(reply: Mapping[str, Any], returned: int | None) -> dict[str, str | int]:
    facts: dict[str, str | int] = {}
    if returned is not None:
        facts["db.response.returned_rows"] = returned
    refused = reply.get("writeErrors")
    if refused:
        # A rejected write, such as a duplicate key, is often what the caller expects, so it is not an error.
        facts["db.response.status_code"] = str(refused[0].get("code"))
    return facts
