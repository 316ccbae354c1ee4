"""The part of board 8 about what senders lose themselves, and what telemetry costs."""

from __future__ import annotations

from typing import Final

from grafana.board import Row
from grafana.boards.common import SERVED
from grafana.panels import About, Limit, Panel, Query, bars, lines, table

_SERVICE: Final = 'service_name=~"$service"'
_MONTH: Final = 2_629_800  # seconds


def _use(item: str) -> Query:
    size, capacity = (f"otel_sdk_processor_{item}_queue_{what}{{{SERVED}}}" for what in ("size", "capacity"))
    return Query(
        f"max by (service_name) ({size} / {capacity})",
        legend=f"{{{{service_name}}}} {item}s",
    )


def _lost(item: str) -> Query:
    """Returns what left the sender's queue to nowhere: 0 while nothing does."""
    processed = f"otel_sdk_processor_{item}_processed_total"
    lost = f'sum by (service_name) (increase({processed}{{{SERVED}, error_type!=""}}[$__rate_interval]))'
    every = f"sum by (service_name) (increase({processed}{{{SERVED}}}[$__rate_interval]))"
    return Query(f"{lost} or 0 * {every}", legend=f"{{{{service_name}}}} {item}s")


def _series(by: str) -> str:
    return f"sum by ({by}) (service:series:count{{{_SERVICE}}})"


def _bytes(signal: str, by: str) -> str:
    return f'sum by ({by}) (service:telemetry_bytes:rate5m{{{_SERVICE}, signal="{signal}"}})'


def _sent(title: str, meaning: str, by: str, head: str) -> Panel:
    """Returns a table of series and bytes; who has no name for ``by`` is one row."""
    asked = [_series(by), *(_bytes(signal, by) for signal in ("traces", "metrics", "logs"))]
    named = [f'label_replace({query}, "{by}", "(no name)", "{by}", "")' for query in asked]
    return table(
        About(title, meaning, width=12),
        *(Query(query, now=True) for query in named),
        columns={
            by: head, "Value #A": "Series", "Value #B": "Traces", "Value #C": "Metrics", "Value #D": "Logs",
        },
        units=dict.fromkeys(("Traces", "Metrics", "Logs"), "Bps"),
        sort="Series",
        joined=by,
    )  # fmt: skip


SENDERS: Final = Row(
    "Senders (services with the library otel/)",
    (
        lines(
            About(
                "Queue in the process",
                "The fullest of each service. Full: the Collector does not answer, and the process drops.",
                unit="percentunit", width=8, limit=Limit("health_queue"),
            ),
            _use("span"), _use("log"),
        ),
        lines(
            About(
                "Lost in the process",
                "Spans and log records that never left the sender, because its queue was full or it stopped. "
                "Not 0: does the Collector answer it (row *Losses and refusals*)?",
                width=8,
            ),
            _lost("span"), _lost("log"),
        ),
        lines(
            About(
                "Log records held back",
                "By reason. burst: one message repeated more often than TELEMETRY_LOG_BURST, on purpose. "
                "failed, stream: a fault of the process. Not here: records of exports and health checks, "
                "which only the process's own log has (local).",
                width=8,
            ),
            Query(
                "sum by (service_name, reason) (increase("
                f'telemetry_log_records_held_back_total{{{SERVED}, reason!="local"}}[$__rate_interval]))',
                legend="{{service_name}} {{reason}}",
            ),
        ),
    ),
)  # fmt: skip

ROW: Final = Row(
    "Cost and cardinality",
    (
        lines(
            About(
                "Series by service",
                "Each is kept in Prometheus' memory. Above the line: a label with ever new values: runbook "
                "SeriesOverQuota.",
                width=8, limit=Limit("service_series"),
            ),
            Query(f"topk(10, {_series('service_name')})", legend="{{service_name}}"),
        ),
        bars(
            About(
                "Bytes a month by service, if it goes on like this",
                "An estimate: what the largest sink of each signal takes, divided by the services' shares of "
                "spans, series and log records. Records of services without the library otel/ are not in it.",
                unit="bytes", width=8,
            ),
            Query(
                f"topk(10, sum by (service_name) (service:telemetry_bytes:rate5m{{{_SERVICE}}}) * {_MONTH})",
                legend="{{service_name}}", now=True,
            ),
        ),
        lines(
            About(
                "Bytes per second to each store",
                "Uncompressed, as the Collector sends them. A step without a step in traffic is a new log "
                "line or a new attribute.",
                unit="Bps", width=8,
            ),
            Query(
                "sum by (exporter) "
                '(rate(otelcol_exporter_queue_batch_send_size_bytes_sum{instance=~"$collector"}[$__rate_interval]))',
                legend="{{exporter}}",
            ),
        ),
        _sent(
            "What each team sends",
            "A team is the resource attribute service.namespace of its services; (no name): they have none, "
            "or a rule recorded the series without it. The most series first; bytes are an estimate, as "
            "above.",
            "service_namespace",
            "Team",
        ),
        _sent(
            "What each service sends",
            "The most series first. A team asks for its own services in the variable above.",
            "service_name",
            "Service",
        ),
        lines(
            About(
                "Series in Prometheus",
                "All of them. Memory grows with it, some 3 KiB each (docs/sizing.md says when one Prometheus "
                "is not enough).",
                width=12,
            ),
            Query("prometheus_tsdb_head_series", legend="{{instance}}"),
        ),
        lines(
            About(
                "Space on disk by store",
                "What Prometheus and VictoriaLogs hold; Loki and the trace stores do not tell. A line that "
                "only rises: the retention is longer than the disk is large; runbook HostDiskFilling.",
                unit="bytes", width=12,
            ),
            Query(
                "sum by (job) (prometheus_tsdb_storage_blocks_bytes) "
                "+ sum by (job) (prometheus_tsdb_wal_storage_size_bytes)",
                legend="{{job}}",
            ),
            Query("sum by (job) (vl_compressed_data_size_bytes)", legend="{{job}}"),
        ),
    ),
)  # fmt: skip
