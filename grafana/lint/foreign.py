"""The series that boards ask for and other programs emit; the running stack proves that each is emitted."""

from __future__ import annotations

from typing import Final

_PROMETHEUS: Final = (
    "prometheus_config_last_reload_success_timestamp_seconds",
    "prometheus_tsdb_head_series",
    "prometheus_tsdb_storage_blocks_bytes",
    "prometheus_tsdb_wal_storage_size_bytes",
    "target_info",
    "up",
)
_COLLECTOR: Final = (
    "otelcol_exporter_sent_log_records_total",
    "otelcol_exporter_sent_metric_points_total",
    "otelcol_exporter_sent_spans_total",
    "otelcol_http_client_request_duration_seconds_bucket",
    "otelcol_process_cpu_seconds_total",
    "otelcol_process_memory_rss_bytes",
    "otelcol_receiver_accepted_log_records_total",
    "otelcol_receiver_accepted_metric_points_total",
    "otelcol_receiver_accepted_spans_total",
)
_STORES: Final = ("vl_compressed_data_size_bytes",)
_ALERTMANAGER: Final = (
    "alertmanager_alerts",
    "alertmanager_config_last_reload_success_timestamp_seconds",
    "alertmanager_notification_latency_seconds_count",
    "alertmanager_notification_latency_seconds_sum",
    "alertmanager_notifications_total",
    "alertmanager_silences",
)
# Of the machine, which the Collector measures with collector-config/host.yaml.
_HOST: Final = (
    "system_cpu_logical_count",
    "system_disk_io_time_seconds_total",
    "system_network_dropped_total",
    "system_network_errors_total",
    "system_network_io_bytes_total",
)
# Of every program that the Go and C libraries of Prometheus measure.
_PROCESSES: Final = ("process_cpu_seconds_total", "process_resident_memory_bytes")
FOREIGN: Final = (*_PROMETHEUS, *_COLLECTOR, *_STORES, *_ALERTMANAGER, *_HOST, *_PROCESSES)
