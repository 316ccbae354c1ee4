"""The running telemetry of a process: what `otel.configure` returns."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk._logs.export import LogRecordExporter
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.trace.export import SpanExporter

from otel.config.settings import TelemetryConfig
from otel.ends import UNDOING_SHARE, Task, run_bounded
from otel.errors.reports import ErrorReports, ErrorReportsView
from otel.export.accounting import SignalAccount, SignalView
from otel.export.pipelines import Pipelines, Queue, Undo
from otel.libraries.query_table import REPEATED, SLOW, QueryCost, forget_queries
from otel.metrics import process
from otel.metrics.data import DeclaredMetrics
from otel.metrics.family import MetricFamily
from otel.metrics.readers import ExportReader, TextReader
from otel.providers import renew_sdk_after_fork, unset_current
from otel.redaction.engine import Redactor
from otel.resource import WorkerSlot, build_resource, instance_id, service_name

_MARGIN = 0.1
_LAST_SHARE = 0.08
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ShutdownReport:
    """The result of a shutdown: its duration, which signals were fully exported, and their accounts.

    `finished` has `traces`, `metrics`, `logs` and `errors` if they are exported, and `lines` for the stream.
    """

    seconds: float
    finished: Mapping[str, bool]
    accounts: Mapping[str, SignalView]

    @property
    def complete(self) -> bool:
        """Whether everything was exported in time."""
        return all(self.finished.values())


class Telemetry:
    """The telemetry of this process, from `otel.configure` until `shutdown`.

    `config` and `redactor` are the ones in use; `slot.number` is this worker's number on the machine.
    """

    def __init__(
        self,
        config: TelemetryConfig,
        redactor: Redactor,
        slot: WorkerSlot,
        declared: DeclaredMetrics,
        pipelines: Pipelines,
    ) -> None:
        self.config = config
        self.redactor = redactor
        self.slot = slot
        self._declared = declared
        self._parts = pipelines
        self._report: ShutdownReport | None = None
        self._probes: list[Undo] = []
        self._started = time.monotonic()
        self._observe()

    @property
    def is_shut_down(self) -> bool:
        """Whether `shutdown` was called."""
        return self._report is not None

    @property
    def readers(self) -> tuple[MetricReader, ...]:
        """The readers of the metrics."""
        return tuple(self._parts.readers)

    def prometheus_text(self) -> bytes:
        """Returns all metrics of this process in the Prometheus text format, collected now.

        Raises:
            RuntimeError: TELEMETRY_PROMETHEUS is off, or the telemetry was shut down.
        """
        return self._text_reader().text()

    def openmetrics_text(self) -> bytes:
        """Returns all metrics of this process in OpenMetrics 1.0, with exemplars, collected now.

        Raises:
            RuntimeError: TELEMETRY_PROMETHEUS is off, or the telemetry was shut down.
        """
        return self._text_reader().openmetrics()

    def metric_families(self) -> list[MetricFamily]:
        """Returns what `prometheus_text` shows as plain values, collected now.

        Raises:
            RuntimeError: TELEMETRY_PROMETHEUS is off, or the telemetry was shut down.
        """
        return self._text_reader().families()

    def _text_reader(self) -> TextReader:
        if self._parts.text is None or self.is_shut_down:
            raise RuntimeError("no metrics as text: TELEMETRY_PROMETHEUS is off or telemetry was shut down")
        return self._parts.text

    def slow_queries(self) -> list[QueryCost]:
        """Returns the slow queries of this process by shape and route, in seconds, the costliest first."""
        return SLOW.rows()

    def repeated_queries(self) -> list[QueryCost]:
        """Returns the queries repeated within one request, by shape and route, the most frequent first."""
        return REPEATED.rows()

    def accounting(self) -> dict[str, SignalView]:
        """Returns each signal's account: produced = exported + dropped (by reason) + pending.

        It is counted in this process, so it is accurate even while the Collector is down. For metrics it
        counts data points per export; they are cumulative, so the next export makes up for a lost one.
        """
        parts = self._parts
        empty = SignalAccount()
        return {
            "traces": (parts.spans.account if parts.spans else empty).view(),
            "metrics": parts.metric_account.view(),
            "logs": (parts.logs.account if parts.logs else empty).view(),
        }

    @property
    def service(self) -> str:
        """The `service.name` of this process."""
        return service_name(self.config)

    @property
    def seconds(self) -> float:
        """For how long this process has measured."""
        return time.monotonic() - self._started

    @property
    def instance(self) -> str:
        """The `service.instance.id` of this process."""
        return instance_id(self.config, self.slot)

    def recent_records(self) -> list[dict[str, object]]:
        """Returns this process's last log records, the newest first; TELEMETRY_RECENT_RECORDS says how many.

        They are redacted, with the fields of the lines on stdout. A record below WARNING may appear late by
        TELEMETRY_LOG_DELAY. Do not change them: they may still be exported.
        """
        recent = self._parts.recent
        return [] if recent is None else recent.entries()

    def error_reports(self) -> ErrorReportsView | None:
        """Returns the counts of captured and dropped error reports; None if reporting is off."""
        errors = self._parts.errors
        return None if errors is None else {"captured": errors.captured, "dropped": errors.dropped()}

    @property
    def shutdown_seconds(self) -> float:
        """TELEMETRY_SHUTDOWN_SECONDS."""
        return self.config.shutdown_seconds

    def flush(self, seconds: float) -> bool:
        """Exports all that is queued, all signals at once; True if all of it arrived within `seconds`."""
        parts = self._parts
        lost = parts.metric_account.view()["dropped"]
        tasks: dict[str, Task] = {
            "lines": _write_lines,
            "metrics": lambda limit: parts.meters.force_flush(limit * 1000),
        }
        if parts.spans:
            tasks["traces"] = parts.spans.flush
        if parts.logs:
            tasks["logs"] = parts.logs.flush
        if parts.errors:
            tasks["errors"] = partial(_flush_errors, parts.errors)
        done = run_bounded(tasks, seconds)
        return all(done.values()) and parts.metric_account.view()["dropped"] == lost

    def shutdown(self, seconds: float | None = None) -> ShutdownReport:
        """Exports what is queued and shuts down, within `seconds` (TELEMETRY_SHUTDOWN_SECONDS) in any case.

        What could not be exported is counted as dropped and logged in a last line. A second call returns the
        first report. A forked child exports and shuts down its own telemetry; what its parent had queued, the
        parent exports.
        """
        if self._report is not None:
            return self._report
        limit = self.shutdown_seconds if seconds is None else seconds
        started = time.monotonic()
        # Leaves time for what follows the last export, more of it on a busy machine.
        finished = run_bounded(self._endings(), limit - max(limit * _LAST_SHARE, min(_MARGIN, limit)))
        # Here too, because on a busy machine a queue may not have done it by the end of its time.
        for queue in (self._parts.spans, self._parts.logs):
            if queue:
                queue.account.close()
        self._parts.metric_account.close()
        accounts = self.accounting()
        self._report = ShutdownReport(time.monotonic() - started, finished, accounts)
        # Bounded, too: writing to a stream that nobody reads blocks.
        left = max(limit - self._report.seconds, self.shutdown_seconds * UNDOING_SHARE)
        run_bounded({"undoing": self._undo}, left)
        return self._report

    def _undo(self, _seconds: float) -> bool:
        with suppress_instrumentation():
            self._log_losses()
        for undo in reversed([*self._parts.undo, *self._probes]):
            undo()
        unset_current()
        self.slot.release()
        return True

    def _log_losses(self) -> None:
        report = self._report
        if report is None or report.complete:
            return
        lost = {signal: sum(view["dropped"].values()) for signal, view in report.accounts.items()}
        unfinished = sorted(name for name, done in report.finished.items() if not done)
        _log.warning("telemetry was not fully exported at shutdown: %s; lost: %s", unfinished, lost)

    def _endings(self) -> dict[str, Task]:
        parts = self._parts
        tasks: dict[str, Task] = {"lines": _write_lines, "metrics": self._end_metrics}
        if parts.spans and parts.span_exporter:
            tasks["traces"] = _ending(parts.spans, parts.span_exporter)
        if parts.logs and parts.log_exporter:
            tasks["logs"] = _ending(parts.logs, parts.log_exporter)
        if parts.errors:
            tasks["errors"] = partial(_flush_errors, parts.errors)
        return tasks

    def _end_metrics(self, seconds: float) -> bool:
        lost = self._parts.metric_account.view()["dropped"]
        self._parts.meters.shutdown(max(seconds - _MARGIN, 0) * 1000)
        view = self._parts.metric_account.view()
        return view["pending"] == 0 and view["dropped"] == lost

    def _observe(self) -> None:
        """Starts the process metrics; worker 0, or one without a number, also starts the machine's."""
        if not self.config.runtime_metrics:
            return
        self._probes = process.observe_process()
        if not self.slot.number:
            self._probes += process.observe_system()

    def renew_after_fork(self) -> None:
        """Resets the telemetry in a forked child: empty queues, zero counts, its own instance id."""
        if self.is_shut_down:
            return
        self.slot.reclaim()
        self._started = time.monotonic()
        parts = self._parts
        self._declared.forget()
        forget_queries()
        parts.metric_account.forget()
        if parts.errors:
            parts.errors.forget()
        parts.sessions.close()
        for queue in (parts.spans, parts.logs):
            if queue is not None:
                queue.restart_after_fork()
        for reader in parts.readers:
            if isinstance(reader, ExportReader | TextReader):
                reader.restart_after_fork()
        resource = build_resource(self.config, self.slot)
        renew_sdk_after_fork(parts.meters, parts.tracers, parts.loggers, parts.readers, resource)
        for undo in self._probes:
            undo()
        self._observe()


def _flush_errors(errors: ErrorReports, seconds: float) -> bool:
    lost = errors.dropped()
    return errors.flush(seconds) and errors.dropped() == lost


def _write_lines(_seconds: float) -> bool:
    """Flushes every handler of the root logger, which may hold lines back."""
    for handler in list(logging.getLogger().handlers):
        handler.flush()
    return True


def _ending(queue: Queue, exporter: SpanExporter | LogRecordExporter) -> Task:
    def end(seconds: float) -> bool:
        lost = queue.account.view()["dropped"]
        in_time = queue.close(max(seconds - _MARGIN, 0))
        exporter.shutdown()
        return in_time and queue.account.view()["dropped"] == lost

    return end
