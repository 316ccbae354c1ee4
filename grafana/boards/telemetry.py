"""Board 8: does telemetry arrive, and what does it cost? What it costs is in telemetry_cost.py."""

from __future__ import annotations

from typing import Final

from grafana import looks
from grafana.board import Board, Choice, Row
from grafana.boards import telemetry_cost
from grafana.boards.common import ENVIRONMENT, SERVICE, to
from grafana.panels import About, Limit, Query, lines, stat, words

# The Collector, the canary and the stores are scraped, so their series have no environment and no service.
_COLLECTOR: Final = Choice("collector", "Collector", 'up{job="collector"}', "instance")
_CHOSEN: Final = 'instance=~"$collector"'
_LAST: Final = "telemetry_canary_last_arrival_timestamp_seconds"
_SINK: Final = "{{exporter}} {{data_type}}"
# The counters of one thing, one per signal: Prometheus cannot sum a rate over several names.
_SIGNALS: Final = (("spans", "spans"), ("metric_points", "points"), ("log_records", "log records"))


def _signals(metric: str, by: str = "", legend: str = "") -> tuple[Query, ...]:
    """Returns a query per signal; ``metric`` has ``%s`` where its name has the signal."""
    grouped = f"sum by ({by})" if by else "sum"
    return tuple(
        Query(f"{grouped} (rate({metric % name}{{{_CHOSEN}}}[$__rate_interval]))", legend=f"{legend}{shown}")
        for name, shown in _SIGNALS
    )


_NOW: Final = Row(
    "Now",
    (
        words(
            About("What this board answers", "The question, and where to look first.", width=24, height=3),
            "**Does telemetry arrive, how late, what is lost on the way, and what does it cost?** (The "
            "canary says whether it arrives.) If not: fullest queue → its sink below → the store behind it.",
        ),
        stat(
            About(
                "Collector",
                "Whether every Collector answers. DOWN: runbook CollectorDown; senders buffer for seconds.",
                width=6, height=4,
            ),
            Query(f'min(up{{job="collector", {_CHOSEN}}})', now=True),
            states={"1": ("up", looks.GOOD), "0": ("DOWN", looks.BAD)},
        ),
        stat(
            About(
                "Fullest queue",
                "Data that waits for a store, as a share of the queue. Red: runbook CollectorQueueFilling; "
                "at 100 % senders are refused.",
                unit="percentunit", width=6, height=4, limit=Limit("collector_queue_used"),
            ),
            Query(f"max(collector:queue_use:ratio{{{_CHOSEN}}})", now=True),
        ),
        stat(
            About(
                "Items lost in the range",
                "Spans, points and log records that no store has, by the Collector's own count. Not 0: the "
                "row *Losses* says why; runbooks CollectorDataRejected, CollectorQueueRefuses, "
                "MetricsNotStorable.",
                width=6, height=4,
            ),
            Query(f"sum(increase(collector:items_lost:total{{{_CHOSEN}}}[$__range]))", now=True),
        ),
        stat(
            About(
                "Oldest signal (intervals)",
                "How long ago the canary last found its own trace, metric and log line, of the worst signal. "
                "Red: runbook TelemetryCanaryLost.",
                width=6, height=4, limit=Limit("canary_intervals"),
            ),
            Query(f"max((timestamp({_LAST}) - {_LAST}) / on (job, instance) group_left () "
                  "telemetry_canary_interval_seconds)", now=True),
        ),
    ),
)  # fmt: skip

_CANARY: Final = Row(
    "Canary: does it arrive, and how late?",
    (
        lines(
            About(
                "p95 from sending to found in the store",
                "By signal, over ten minutes. The objective telemetry-freshness allows a minute; slower: the "
                "queues below.",
                unit="s", width=8,
            ),
            Query(
                "histogram_quantile(0.95, sum by (le, signal) "
                "(rate(telemetry_canary_delay_seconds_bucket[10m]))) > 0",
                legend="{{signal}}",
            ),
        ),
        lines(
            About(
                "Freshness",
                "Seconds since the canary's newest item of each signal was found in its store. A line that "
                "climbs is a signal that does not arrive: runbook TelemetryCanaryLost.",
                unit="s", width=8,
            ),
            Query(f"timestamp({_LAST}) - {_LAST}", legend="{{signal}}"),
        ),
        lines(
            About(
                "Canary items lost",
                "Sent and acknowledged, but never found. Anything but 0 is lost telemetry of everybody: "
                "runbook TelemetryCanaryLost.",
                width=8,
            ),
            Query(
                "sum by (signal) (increase(telemetry_canary_lost_total[$__rate_interval]))",
                legend="{{signal}}",
            ),
        ),
    ),
)  # fmt: skip

_QUEUES: Final = Row(
    "Sinks: queues and throughput",
    (
        lines(
            About(
                "Queue by sink",
                "Share of each queue in use; the line is where CollectorQueueFilling begins. One sink fills: "
                "its store is slow or away. All fill: the disk.",
                unit="percentunit", width=8, limit=Limit("collector_queue_used"),
            ),
            Query(
                f"max by (exporter, data_type) (collector:queue_use:ratio{{{_CHOSEN}}})",
                legend=_SINK,
            ),
        ),
        lines(
            About(
                "Received per second",
                "Items that the Collector accepted from senders. A signal that falls to nothing: the senders "
                "or the network before the Collector.",
                unit="cps", width=8,
            ),
            *_signals("otelcol_receiver_accepted_%s_total"),
        ),
        lines(
            About(
                "Sent to stores per second",
                "By sink. Less than received for long: its queue grows; more: it drains a queue.",
                unit="cps", width=8,
            ),
            *_signals("otelcol_exporter_sent_%s_total", "exporter", "{{exporter}} "),
        ),
        lines(
            About(
                "p95 of a request to a store",
                "By the store's address. Slow: the store's disk or CPU; the queue absorbs it.",
                unit="s", width=8, links=(to("lms-resources", "Resources"),),
            ),
            Query(
                "histogram_quantile(0.95, sum by (le, server_address, server_port) "
                f""
                "(rate(otelcol_http_client_request_duration_seconds_bucket"
                f"{{{_CHOSEN}}}[$__rate_interval]))) > 0",
                legend="{{server_address}}:{{server_port}}",
            ),
        ),
        lines(
            About(
                "Requests to stores by status",
                "2xx is stored. 5xx and 429 are retried for ever; other 4xx are lost: runbook "
                "CollectorDataRejected. Only errors of one store: CollectorSinkUnreachable.",
                unit="reqps", width=8,
            ),
            Query(
                "sum by (server_port, http_response_status_code) "
                f"(rate(otelcol_http_client_request_duration_seconds_count{{{_CHOSEN}}}[$__rate_interval]))",
                legend="{{server_port}} {{http_response_status_code}}",
            ),
        ),
        lines(
            About(
                "Memory of the Collector",
                "Memory near its limit (COLLECTOR_MEMORY_MIB): it refuses senders, runbook "
                "CollectorMemoryLimited.",
                unit="bytes", width=8,
            ),
            Query(f"otelcol_process_memory_rss_bytes{{{_CHOSEN}}}", legend="{{instance}}"),
        ),
    ),
)  # fmt: skip

_LOSSES: Final = Row(
    "Losses and refusals",
    (
        lines(
            About(
                "Items lost, by reason",
                "not_queued: queue or disk full (CollectorQueueRefuses). rejected: a store refused for good "
                "(CollectorDataRejected). not_storable: MetricsNotStorable. over_quota: SeriesOverQuota. "
                "out_of_window: PrometheusDiscards.",
                width=6,
            ),
            Query(
                f"sum by (reason) (increase(collector:items_lost:total{{{_CHOSEN}}}[$__rate_interval]))",
                legend="{{reason}}",
            ),
        ),
        lines(
            About(
                "Items lost, by sink",
                "What did not fit into a sink's queue, or its store refused for good. One sink: its store. "
                "All: the Collector's disk. Not 0: runbooks CollectorQueueRefuses and CollectorDataRejected.",
                width=6,
            ),
            Query(
                "sum by (exporter) "
                f'(increase(collector:items_lost:total{{{_CHOSEN}, exporter!=""}}[$__rate_interval]))',
                legend="{{exporter}}",
            ),
        ),
        lines(
            About(
                "Items refused per second",
                "Senders were told to come again: memory or a primary queue was full. They keep items for "
                "seconds: runbook CollectorRefuses.",
                unit="cps", width=6,
            ),
            Query(
                f"sum by (receiver) (rate(collector:items_refused:total{{{_CHOSEN}}}[$__rate_interval]))",
                legend="{{receiver}}",
            ),
        ),
        lines(
            About(
                "Requests of senders by status",
                "401: a wrong token; 400, 413: malformed or too large. Those senders' telemetry is missing: "
                "runbook CollectorTurnsSendersAway.",
                unit="reqps", width=6,
            ),
            Query(
                "sum by (http_response_status_code) "
                f"(rate(otelcol_http_server_request_duration_seconds_count{{{_CHOSEN}}}[$__rate_interval]))",
                legend="{{http_response_status_code}}",
            ),
        ),
    ),
)  # fmt: skip

BOARD: Final = Board(
    uid="collector",
    title="Telemetry pipeline",
    question="Does telemetry arrive, how late, what is lost on the way, and what does it cost?",
    sources=("metrics",),
    variables=(_COLLECTOR, ENVIRONMENT, SERVICE),
    rows=(_NOW, _CANARY, _QUEUES, _LOSSES, telemetry_cost.SENDERS, telemetry_cost.ROW),
)
