"""The one pipe of all log records: enriched, limited, redacted once, written to a stream and sent by OTLP."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from opentelemetry import trace
from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from otel.context import REQUEST, note
from otel.logs_burst import BurstLimiter, Message
from otel.logs_levels import LevelOverrides
from otel.logs_record import Clock
from otel.logs_render import FIELDS, SHOWN, STACKTRACE, Entry, Render
from otel.logs_stream import LineWriter
from otel.redaction import Redactor

if TYPE_CHECKING:
    from otel.logs_otlp import OtlpLogger

# Loggers of the export path: what they say about a failed export must not be exported (endless loop).
_LOCAL_ONLY: Final = ("opentelemetry", "sentry_sdk", "urllib3", "requests")
_AUDIT: Final = "audit"
_UNLIMITED: Final = frozenset({"access", _AUDIT})
# The request's own line ends it; a slow query and a call of httpx are steps already.
_NO_STEP: Final = frozenset({"access", "slow_query", "httpx"})
_NO_FIELDS: Final[Mapping[str, object]] = {}
_RESERVED: Final = frozenset(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {
    "message",
    "asctime",
    FIELDS,
}


class Pipeline(logging.Handler):
    """The root logger's only handler.

    `stream` gets one rendered line per record, from WARNING on without delay; `logger`, if any, the same
    fields by OTLP with the trace context as native fields. Records of the export path itself go to the stream
    only. A message that comes in bursts is limited by `bursts` and reported with the field `suppressed`.
    """

    def __init__(
        self,
        *,
        stream: LineWriter,
        render: Render,
        redactor: Redactor,
        logger: OtlpLogger | None,
        resource: Mapping[str, str],
        levels: LevelOverrides,
        bursts: BurstLimiter,
    ) -> None:
        super().__init__()
        self._stream = stream
        self._render = render
        self._redactor = redactor
        self._logger = logger
        self._resource = {name: resource[name] for name in SHOWN if name in resource}
        self._levels = levels
        self._bursts = bursts
        self._stream_failed = False
        self._clock = Clock()

    def emit(self, record: logging.LogRecord) -> None:
        """Writes and exports the record, unless a level or the burst limit holds it back."""
        try:
            self._process(record)
        except RecursionError:
            raise
        except Exception:  # noqa: BLE001 - logging must never fail its caller; stdlib reports it on stderr
            self.handleError(record)

    def handle(self, record: logging.LogRecord) -> bool:
        """Handles the record without stdlib's lock around it.

        The SDK logs while it holds locks of its own: holding ours while we call it could end in a deadlock.
        """
        self.emit(record)
        return True

    def close(self) -> None:
        """Reports the bursts that are still open, then closes the handler."""
        with self._exclusively():
            open_bursts = list(self._bursts.drain())
        for message, held_back in open_bursts:
            self._report(message, held_back)
        with suppress(OSError, ValueError):
            self._stream.close()
        super().close()

    def flush(self) -> None:
        """Writes the lines that wait for others."""
        with suppress(OSError, ValueError):
            self._stream.flush()

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        # The handler's own lock: stdlib makes it anew in a forked child.
        self.acquire()
        try:
            yield
        finally:
            self.release()

    def _process(self, record: logging.LogRecord) -> None:
        if record.name != _AUDIT and self._levels.refuses(record.name, record.levelno):
            return
        if record.name in _UNLIMITED:
            self._pass_on(record, self._entry(record, 0))
            return
        with self._exclusively():
            held_back = self._bursts.admit(Message(record.name, record.levelno, str(record.msg)))
            ended = list(self._bursts.reports())
        for message, count in ended:
            self._report(message, count)
        if held_back is not None:
            self._pass_on(record, self._entry(record, held_back))

    def _report(self, message: Message, held_back: int) -> None:
        record = logging.LogRecord(message.logger, message.level, "", 0, message.text, None, None)
        self._pass_on(record, self._entry(record, held_back))

    def _pass_on(self, record: logging.LogRecord, entry: Entry) -> None:
        self._write(record, self._render(entry) + "\n")
        if record.name not in _NO_STEP:
            note(
                record.name,
                str(entry["event"]),
                record.levelname.lower(),
                getattr(record, FIELDS, _NO_FIELDS),
            )
        if self._logger is None or record.name.startswith(_LOCAL_ONLY) or not is_instrumentation_enabled():
            return
        self._logger.emit(record, entry, trace.get_current_span().get_span_context())

    def _write(self, record: logging.LogRecord, line: str) -> None:
        try:
            self._stream.write(line, urgent=record.levelno >= logging.WARNING)
        except (OSError, ValueError):
            # A closed pipe stays closed: say it once, keep exporting.
            if not self._stream_failed:
                self._stream_failed = True
                self.handleError(record)

    def _entry(self, record: logging.LogRecord, held_back: int) -> Entry:
        fields = getattr(record, FIELDS, None)
        event = str(record.msg) if fields is not None else _message(record)
        entry: Entry = {
            "timestamp": self._clock.text(record.created),
            "level": record.levelname.lower(),
            "event": self._redactor.text(event),
            "logger": record.name,
            **self._resource,
        }
        _add_context(entry)
        self._add_fields(entry, fields if fields is not None else _extra(record))
        if held_back:
            entry["suppressed"] = held_back
        if record.exc_info is not None:
            self._add_exception(entry, record.exc_info[1])
        return entry

    def _add_fields(self, entry: Entry, fields: Mapping[str, object]) -> None:
        redactor = self._redactor
        for name, value in fields.items():
            # A field must not pass for one of the pipe's own.
            key = name if name not in entry else f"{name}_"
            entry[redactor.text(key)] = redactor.value(name, value)

    def _add_exception(self, entry: Entry, error: BaseException | None) -> None:
        if error is None:
            return
        # https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-logs/
        entry["exception.type"] = _qualified(type(error))
        entry["exception.message"] = self._redactor.text(str(error))
        entry[STACKTRACE] = self._redactor.text("".join(traceback.format_exception(error)))


def _add_context(entry: Entry) -> None:
    request = REQUEST.get()
    span = trace.get_current_span()
    if request is not None:
        entry["request_id"] = request.request_id
    if request is not None and span is request.span and request.trace_id is not None:
        entry["trace_id"], entry["span_id"] = request.trace_id, request.span_id
    elif (identity := span.get_span_context()).is_valid:
        entry["trace_id"], entry["span_id"] = f"{identity.trace_id:032x}", f"{identity.span_id:016x}"
    if request is None:
        return
    if request.user_id is not None:
        entry["user.id"] = request.user_id
    if (route := request.route) is not None:
        entry["http.route"] = route


def _qualified(error: type[BaseException]) -> str:
    """Name a class as the SDK does on spans."""
    module = error.__module__
    return error.__qualname__ if module == "builtins" else f"{module}.{error.__qualname__}"


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - wrong arguments of a library's log call must not lose its text
        return f"{record.msg} {record.args!r}"


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _RESERVED}
