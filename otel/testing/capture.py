"""Telemetry for tests: the real pipeline, with its output kept in memory instead of exported.

    with capture_telemetry(LMS_METRICS) as captured:
        app = FastAPI()
        otel.instrument(app)
        ...
    assert captured.spans[0].attributes["http.route"] == "/courses/{course_id}"
    assert captured.value("lms.enrollments", {"outcome": "created"}) == 1
    assert captured.logs[-1].body == "enrolled"

Everything passes through the same instruments, rules and redaction as in production. Trace, span and request
ids count up from one and times are on a fixed clock, so a whole request can be compared with a snapshot:

    assert captured.snapshot() == json.loads(Path("whole_request.json").read_text())
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from otel import setup
from otel.config.settings import TelemetryConfig
from otel.http.headers import use_bits
from otel.metrics.catalogue import Catalogue
from otel.metrics.readers import MemoryReader
from otel.telemetry import Telemetry
from otel.testing.captured import (
    CapturedLog,
    CapturedSeries,
    CapturedSpan,
    logs_of,
    plain,
    series_of,
    spans_of,
)
from otel.testing.sinks import CountingIds, MemorySinks

if TYPE_CHECKING:
    from otel.testing.error_sink import MemoryTransport

_DSN: Final = "https://public@errors.invalid/1"
_OWN: Final = ("otel.sdk.", "telemetry.", "process.", "system.", "cpython.", "asyncio.")


class Captured:
    """What the telemetry has produced so far; every property reads the current state."""

    def __init__(self, telemetry: Telemetry, sinks: MemorySinks, output: io.StringIO) -> None:
        self.telemetry = telemetry
        self._sinks = sinks
        self._output = output
        self._reader = next(each for each in telemetry.readers if isinstance(each, MemoryReader))

    @property
    def spans(self) -> list[CapturedSpan]:
        """The finished spans, in the order in which they started."""
        return spans_of(self._sinks.spans.get_finished_spans())

    @property
    def logs(self) -> list[CapturedLog]:
        """The log records as exported over OTLP, in the order in which they were written."""
        return logs_of(self._sinks.logs.get_finished_logs())

    @property
    def lines(self) -> list[str]:
        """The log lines as written to stdout: one JSON object each."""
        return self._output.getvalue().splitlines()

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The error reports as sent to Sentry; empty if sentry-sdk is not installed."""
        return [] if self._sinks.errors is None else self._sinks.errors.events

    @property
    def metrics(self) -> dict[str, list[CapturedSeries]]:
        """All non-zero series by metric name, collected now."""
        return series_of(self._reader.get_metrics_data())

    def value(self, metric: str, attributes: Mapping[str, object] | None = None) -> float:
        """Returns the sum of the metric's series that have these attributes; 0 if there are none.

        For a histogram it is the number of measurements.
        """
        wanted = (attributes or {}).items()
        return sum(each.value for each in self.metrics.get(metric, ()) if wanted <= each.attributes.items())

    def snapshot(self) -> dict[str, Any]:
        """Returns spans, log records and the service's metrics as plain values to compare.

        Metrics of the library, the process and the machine are left out, and so are histogram sums.
        """
        return {
            "spans": [plain(each) for each in self.spans],
            "logs": [plain(each) for each in self.logs],
            "metrics": {
                name: [{"attributes": dict(each.attributes), "value": each.value} for each in series]
                for name, series in sorted(self.metrics.items())
                if not name.startswith(_OWN)
            },
        }


@contextmanager
def capture_telemetry(*catalogues: Catalogue, config: TelemetryConfig | None = None) -> Iterator[Captured]:
    """Configures telemetry that stays in memory, and shuts it down at the end of the block.

    Counts start at zero. `config` defaults to a service called `test` without process and system metrics;
    its exporters and its Sentry DSN are replaced, so nothing leaves the process.

    Raises:
        RuntimeError: Telemetry is already configured in this process.
    """
    chosen = config or TelemetryConfig(service_name="test", runtime_metrics=False, log_format="json")
    output = io.StringIO()
    logs = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # the SDK gives it no types
    sinks = MemorySinks(InMemorySpanExporter(), logs, _error_sink(), CountingIds(), output)
    dsn = _DSN if sinks.errors else ""
    safe = chosen.model_copy(
        update={"sentry_dsn": dsn, "traces_exporter": "none", "metrics_exporter": "none"}
    )
    telemetry = setup.configure(safe, catalogue=catalogues, memory=sinks)
    request_ids = count(1)
    undo = use_bits(lambda _: next(request_ids))
    try:
        yield Captured(telemetry, sinks, output)
    finally:
        undo()
        telemetry.shutdown()


def _error_sink() -> MemoryTransport | None:
    if find_spec("sentry_sdk") is None:
        return None
    from otel.testing.error_sink import MemoryTransport  # noqa: PLC0415 - an optional dependency

    return MemoryTransport()
