"""The pipeline of all log records: enriches, limits and redacts them, writes them and sends them by OTLP."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from opentelemetry import trace
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.trace import INVALID_SPAN_CONTEXT, SpanContext

from otel.burst import BurstLimiter, Message
from otel.context import is_settled, note
from otel.dotted import is_within
from otel.foreign.failure import LONGEST_STACK, shortened_in_the_middle
from otel.foreign.message import message_of
from otel.logs.facts import (
    bound_variables,
    current_context,
    error_of,
    extra_of,
    kind_of,
)
from otel.logs.fields import add_exception, add_fields, is_unchanging
from otel.logs.levels import LevelOverrides
from otel.logs.recent import RecentRecords
from otel.logs.record import Clock
from otel.logs.render import CALL_STACK, FIELDS, SHOWN, Entry, Render, failure_line
from otel.logs.stream import LineWriter
from otel.metrics.self import RECORDS_HELD_BACK

if TYPE_CHECKING:
    from otel.logs.otlp import OtlpLogger
    from otel.redaction.engine import Redactor

# Loggers of the export path: exporting their records about a failed export would loop forever.
_LOCAL_ONLY: Final = ("opentelemetry", "sentry_sdk", "urllib3", "requests")
_AUDIT: Final = "audit"
# It logs errors that the application raises after we have logged and reported them with their request.
_SERVER: Final = "uvicorn.error"
_UNLIMITED: Final = frozenset({"access", _AUDIT})
# The access line closes the request; slow queries and httpx calls are already steps.
_NO_STEP: Final = frozenset({"access", "slow_query", "repeated_queries", "httpx"})
_BURST, _LEVEL, _FAILED, _LOCAL, _REPEATED = (
    RECORDS_HELD_BACK.with_attributes({"reason": reason})
    for reason in ("burst", "level", "failed", "local", "repeated")
)
_NO_FIELDS: Final[Mapping[str, object]] = {}
_OWN_FIELDS: Final = 16  # more than the pipeline adds to a record's own


class _Moment(NamedTuple):
    """A record's content and context, which must be read while it is logged; no `span` means no OTLP."""

    event: str
    fields: Mapping[str, object]
    held_back: int
    context: dict[str, str]
    span: SpanContext | None


class Pipeline(logging.Handler):
    """The root logger's only handler.

    `stream` gets one rendered line per record, at WARNING and above without delay; `logger`, if given, sends
    the same fields over OTLP with native trace context. Records of the export path itself only go to the
    stream. `bursts` limits repeated messages; a separate record, tied to no request, then gives the number
    suppressed in its field `suppressed`. Everything suppressed or lost is counted. `recent` keeps the last
    records, if given.
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
        bursts: BurstLimiter[Message],
        recent: RecentRecords | None = None,
    ) -> None:
        super().__init__()
        self._recent = recent
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
        """Writes and exports the record, unless a level or the burst limit suppresses it."""
        try:
            self._process(record)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: BLE001 - logging must never fail its caller
            with suppress(Exception):  # near the recursion limit even this may fail
                self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - stdlib's name
        """Reports on stderr that a record is lost and why, without its content, which is not redacted."""
        _FAILED.add(1)
        self._complain(record)

    def _complain(self, record: logging.LogRecord) -> None:
        if not logging.raiseExceptions:
            return
        with suppress(Exception):  # stderr is closed, or there is none
            sys.stderr.write(failure_line(self._redactor.text(record.name), sys.exc_info()[1]))

    def handle(self, record: logging.LogRecord) -> bool:
        """Handles the record without stdlib's lock around it.

        The SDK logs while it holds its own locks: holding ours while calling it could deadlock.
        """
        self.emit(record)
        return True

    def close(self) -> None:
        """Writes waiting lines and stays open; `end` closes the handler.

        Reconfiguring logging, as uvicorn does, closes all handlers but leaves this one attached.
        """
        self.flush()

    def end(self) -> None:
        """Writes waiting lines and closes the handler; later lines are written at once."""
        self.flush()
        with suppress(OSError, ValueError):
            self._stream.close()
        super().close()

    def flush(self) -> None:
        """Reports open bursts and writes waiting lines."""
        with self._exclusively():
            open_bursts = list(self._bursts.drain())
        for message, held_back in open_bursts:
            self._report(message, held_back)
        with suppress(OSError, ValueError):
            self._stream.flush()

    def restart(self) -> None:
        """Discards pending lines and bursts, as a forked child must: the parent writes and reports them."""
        self._bursts.forget()
        if self._recent is not None:
            self._recent.forget()
        self._levels.renew_after_fork()
        self._stream.restart()

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        # The handler's own lock: stdlib recreates it in a forked child.
        self.acquire()
        try:
            yield
        finally:
            self.release()

    def _process(self, record: logging.LogRecord) -> None:
        if record.name == _SERVER and record.exc_info and is_settled(record.exc_info[1]):
            _REPEATED.add(1)
            return
        if record.name != _AUDIT and self._levels.refuses(record.name, record.levelno):
            _LEVEL.add(1)
            return
        if record.name in _UNLIMITED:
            self._pass_on(record)
            return
        message = kind_of(record)
        with self._exclusively():
            held_back = self._bursts.admit(message)
            ended = list(self._bursts.reports())
        for burst, count in ended:
            self._report(burst, count)
        if held_back is None:
            _BURST.add(1)
            return
        if held_back:
            self._report(message, held_back)
        self._pass_on(record)

    def _report(self, message: Message, held_back: int) -> None:
        """Writes the number of suppressed records as a separate record: they belong to other requests."""
        record = logging.LogRecord(message.logger, message.level, "", 0, message.text, None, None)
        facts = {} if message.failure is None else message.failure.facts()
        span = None if is_within(message.logger, _LOCAL_ONLY) else INVALID_SPAN_CONTEXT
        moment = _Moment(self._redactor.text(message.text), _NO_FIELDS, held_back, facts, span)
        self._write(record, self._line(record, moment))

    def _pass_on(self, record: logging.LogRecord) -> None:
        own: Mapping[str, object] | None = getattr(record, FIELDS, None)
        event = self._redactor.text(message_of(record))
        fields = {**bound_variables(), **(extra_of(record) if own is None else own)}
        context = current_context()
        if "user.id" in context:
            context["user.id"] = self._redactor.text(context["user.id"])
        moment = _Moment(event, fields, 0, context, self._span(record))
        if own is not None and self._can_wait(record, fields):
            self._stream.write(partial(self._line_later, record, moment), urgent=False)
        else:
            self._write(record, self._line(record, moment))
        if record.name not in _NO_STEP:
            note(record.name, event, record.levelname.lower(), _NO_FIELDS if own is None else fields)

    def _span(self, record: logging.LogRecord) -> SpanContext | None:
        """Returns the span to export the record with, None if it goes only to the stream."""
        if not is_within(record.name, _LOCAL_ONLY) and is_instrumentation_enabled():
            return trace.get_current_span().get_span_context()
        if self._logger is not None:
            _LOCAL.add(1)
        return None

    def _can_wait(self, record: logging.LogRecord, fields: Mapping[str, object]) -> bool:
        """Return whether the line may be rendered later: it is not urgent, and nothing in it can change.

        Rendering many lines in a row costs half as much per line as in the middle of a request, where the
        code and data have left the processor's caches.
        """
        if not self._stream.waits or record.levelno >= logging.WARNING or record.exc_info is not None:
            return False
        if self._logger is not None and not self._logger.is_direct(len(fields) + _OWN_FIELDS):
            return False
        return all(map(is_unchanging, fields.values()))

    def _line_later(self, record: logging.LogRecord, moment: _Moment) -> str:
        try:
            return self._line(record, moment)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: BLE001 - as in `emit`; the lines after it must still be written
            self.handleError(record)
            return ""

    def _line(self, record: logging.LogRecord, moment: _Moment) -> str:
        """Returns the record's line and sends the same entry over OTLP."""
        entry = self._entry(record, moment)
        line = self._render(entry) + "\n"
        if self._recent is not None:
            self._recent.add(entry, len(line))
        if self._logger is not None and moment.span is not None:
            self._logger.emit(record, entry, moment.span)
        return line

    def _write(self, record: logging.LogRecord, line: str) -> None:
        try:
            self._stream.write(line, urgent=record.levelno >= logging.WARNING)
        except (OSError, ValueError):
            # A closed pipe stays closed: report it once, keep exporting.
            if not self._stream_failed:
                self._stream_failed = True
                self._complain(record)

    def _entry(self, record: logging.LogRecord, moment: _Moment) -> Entry:
        entry: Entry = {
            "timestamp": self._clock.text(record.created),
            "level": record.levelname.lower(),
            "event": moment.event,
            "logger": record.name,
            **self._resource,
            **moment.context,
        }
        add_fields(entry, moment.fields, self._redactor)
        if moment.held_back:
            entry["suppressed"] = moment.held_back
        if type(record.stack_info) is str:
            entry[CALL_STACK] = self._redactor.text(shortened_in_the_middle(record.stack_info, LONGEST_STACK))
        if (error := error_of(record)) is not None:
            add_exception(entry, error, self._redactor)
        return entry
