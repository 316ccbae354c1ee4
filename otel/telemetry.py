"""The running telemetry of a process: what `otel.configure` returns."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypedDict

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import LogRecordExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter

from otel.config.settings import TelemetryConfig
from otel.export.accounting import SignalAccount, SignalView
from otel.export.batch import BatchQueue
from otel.export.exporters import Sessions
from otel.lifecycle import ShutdownReport, Task, renew_sdk_after_fork, run_bounded
from otel.logs.logger import OVERRIDES
from otel.logs.provider import LogItem
from otel.metrics import process
from otel.metrics.data import DeclaredMetrics
from otel.metrics.readers import TextReader
from otel.providers import unset_current
from otel.redaction.engine import Redactor
from otel.resource import WorkerSlot, build_resource, instance_id

_MARGIN = 0.1
_LAST_SHARE = 0.08
Undo = Callable[[], None]


class ErrorReportsView(TypedDict):
    """Error reports that the client has taken, and those that were lost, by reason.

    After the end captured = sent + dropped, but for `filtered`, which are no errors and were not taken.
    """

    captured: int
    dropped: dict[str, int]


class ErrorReports(Protocol):
    """The client of the error tracker."""

    @property
    def captured(self) -> int:
        """Counts the reports that it has taken."""
        ...

    def forget(self) -> None:
        """Starts to count from nothing, as a forked child must."""
        ...

    def flush(self, seconds: float) -> bool:
        """Waits until what is queued has left or is lost, `seconds` at most; True if nothing is left."""
        ...

    def dropped(self) -> dict[str, int]:
        """Counts the reports that were lost, by reason."""
        ...


@dataclass(slots=True)
class Pipelines:
    """The parts that `configure` has put together; a signal that is switched off has no queue."""

    meters: MeterProvider
    tracers: TracerProvider
    loggers: LoggerProvider
    readers: list[MetricReader]
    metric_account: SignalAccount
    sessions: Sessions
    spans: BatchQueue[ReadableSpan] | None = None
    span_exporter: SpanExporter | None = None
    logs: BatchQueue[LogItem] | None = None
    log_exporter: LogRecordExporter | None = None
    text: TextReader | None = None
    errors: ErrorReports | None = None
    undo: list[Undo] = field(default_factory=list)


class Telemetry:
    """The telemetry of this process, from `otel.configure` until `shutdown`.

    `config` and `redactor` are what it works with; `slot.number` is this worker's number on the machine.
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
        if self._parts.text is None or self.is_shut_down:
            raise RuntimeError("metrics as text: TELEMETRY_PROMETHEUS is off or the telemetry was shut down")
        return self._parts.text.text()

    def accounting(self) -> dict[str, SignalView]:
        """Returns for each signal: produced = exported + dropped (by reason) + pending.

        Counted in this process, so it is true while the collector is away. For metrics it counts data
        points per export; as they are cumulative, a lost one is made good by the next.
        """
        parts = self._parts
        empty = SignalAccount()
        return {
            "traces": (parts.spans.account if parts.spans else empty).view(),
            "metrics": parts.metric_account.view(),
            "logs": (parts.logs.account if parts.logs else empty).view(),
        }

    @property
    def instance(self) -> str:
        """The `service.instance.id` of this process."""
        return instance_id(self.config, self.slot)

    def error_reports(self) -> ErrorReportsView | None:
        """Returns what became of the error reports; None if they go nowhere."""
        errors = self._parts.errors
        return None if errors is None else {"captured": errors.captured, "dropped": errors.dropped()}

    def flush(self, seconds: float) -> bool:
        """Sends everything that waits, all signals at once; True if all of it arrived within `seconds`."""
        parts = self._parts
        lost = parts.metric_account.view()["dropped"]
        tasks: dict[str, Task] = {"metrics": lambda limit: parts.meters.force_flush(limit * 1000)}
        if parts.spans:
            tasks["traces"] = parts.spans.flush
        if parts.logs:
            tasks["logs"] = parts.logs.flush
        if parts.errors:
            tasks["errors"] = partial(_flush_errors, parts.errors)
        done = run_bounded(tasks, seconds)
        return all(done.values()) and parts.metric_account.view()["dropped"] == lost

    def shutdown(self, seconds: float | None = None) -> ShutdownReport:
        """Sends what waits and ends, within `seconds` (default TELEMETRY_SHUTDOWN_SECONDS), always.

        What could not be sent is counted as dropped. A second call returns the first report. A forked
        child exports for itself and so ends for itself: what its parent has queued the parent sends.
        """
        if self._report is not None:
            return self._report
        limit = self.config.shutdown_seconds if seconds is None else seconds
        started = time.monotonic()
        # What follows the last export takes its time too, more of it on a busy machine.
        finished = run_bounded(self._endings(), limit - max(limit * _LAST_SHARE, min(_MARGIN, limit)))
        self._parts.metric_account.close()
        for undo in reversed([*self._parts.undo, *self._probes]):
            undo()
        unset_current()
        self.slot.release()
        self._report = ShutdownReport(time.monotonic() - started, finished, self.accounting())
        return self._report

    def _endings(self) -> dict[str, Task]:
        parts = self._parts
        tasks: dict[str, Task] = {"metrics": self._end_metrics}
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
        """Starts the probes of this process; worker 0, or one without a number, the machine as well."""
        if not self.config.runtime_metrics:
            return
        self._probes = process.observe_process()
        if not self.slot.number:
            self._probes += process.observe_system()

    def renew_after_fork(self) -> None:
        """Makes the telemetry a forked child's own: empty queues, zero counts, its own instance id."""
        if self.is_shut_down:
            return
        self.slot.reclaim()
        parts = self._parts
        self._declared.forget()
        parts.metric_account.forget()
        if parts.errors:
            parts.errors.forget()
        OVERRIDES.renew_after_fork()
        parts.sessions.close()
        for queue in (parts.spans, parts.logs):
            if queue is not None:
                queue.restart_after_fork()
        resource = build_resource(self.config, self.slot)
        renew_sdk_after_fork(parts.meters, parts.tracers, parts.loggers, parts.readers, resource)
        for undo in self._probes:
            undo()
        self._observe()


def _flush_errors(errors: ErrorReports, seconds: float) -> bool:
    lost = errors.dropped()
    return errors.flush(seconds) and errors.dropped() == lost


def _ending(
    queue: BatchQueue[ReadableSpan] | BatchQueue[LogItem],
    exporter: SpanExporter | LogRecordExporter,
) -> Task:
    def end(seconds: float) -> bool:
        lost = queue.account.view()["dropped"]
        in_time = queue.close(max(seconds - _MARGIN, 0))
        exporter.shutdown()
        return in_time and queue.account.view()["dropped"] == lost

    return end
