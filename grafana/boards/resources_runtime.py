"""Of board 5: the platform's process, its event loop and collector, and the stack's other programs."""

from __future__ import annotations

from typing import Final

from grafana.board import Row
from grafana.boards.common import CHOSEN, KEPT, LOOP_DELAYS, POOLS_USED, SERVED, to
from grafana.panels import About, Limit, Query, lines

_API: Final = to("lms-api", "API performance", KEPT)
_STORES: Final = to("lms-stores", "Data stores", KEPT)
_NAMED: Final = "{{db_client_connection_pool_name}} of {{instance}}"

PROCESS: Final = Row(
    "The platform's process",
    (
        lines(
            About(
                "CPU of the process",
                "CPUs in use, of the eight busiest instances. 1 is a whole CPU, the most that one process "
                "can use for Python: at 1, start more processes (docs/sizing.md).",
                width=8, links=(_API,),
            ),
            Query(
                "topk(8, sum by (instance) "
                f"(rate(process_cpu_time_seconds_total{{{CHOSEN}}}[$__rate_interval])))",
                legend="{{instance}}",
            ),
        ),
        lines(
            About(
                "Memory of the process",
                "Physical memory, of the eight largest instances. Growth that does not end with the traffic "
                "is a leak.",
                unit="bytes", width=8,
            ),
            Query(f"topk(8, process_memory_usage_bytes{{{CHOSEN}}})", legend="{{instance}}"),
        ),
        lines(
            About(
                "File descriptors in use",
                "Share of the process's limit. Above the line: runbook LmsDescriptorsLow.",
                unit="percentunit", width=8, limit=Limit("descriptors_used"),
            ),
            Query(
                f"topk(8, process_unix_file_descriptor_count{{{CHOSEN}}}"
                f" / process_unix_file_descriptor_limit{{{CHOSEN}}})",
                legend="{{instance}}",
            ),
        ),
        lines(
            About(
                "Threads of the process",
                "Of the eight instances with the most. It settles after the start; growth is a pool that "
                "nobody closes.",
                width=8,
            ),
            Query(f"topk(8, process_thread_count{{{CHOSEN}}})", legend="{{instance}}"),
        ),
        lines(
            About(
                "Context switches",
                "Per second: voluntary ones wait for something, involuntary ones lost the CPU to another "
                "process. Many of the latter: runbook HostCpuBusy.",
                unit="ops", width=8,
            ),
            Query(
                "sum by (process_context_switch_type) "
                f"(rate(process_context_switches_total{{{CHOSEN}}}[$__rate_interval]))",
                legend="{{process_context_switch_type}}",
            ),
        ),
        lines(
            About(
                "Time since the start",
                "By instance; it falls to zero at a restart. Again and again: runbook LmsFlapping.",
                unit="s", width=8,
            ),
            Query(f"bottomk(8, process_uptime_seconds{{{CHOSEN}}})", legend="{{instance}}"),
        ),
    ),
)  # fmt: skip

RUNTIME: Final = Row(
    "Event loop, garbage collector, connection pools",
    (
        lines(
            About(
                "Delay of the event loop",
                "How late one timer in a hundred is, of the eight latest instances: every request of the "
                "process waits that long. Above the line: runbook EventLoopBlocked.",
                unit="s", width=8, limit=Limit("event_loop_lag"), links=(_API,),
            ),
            LOOP_DELAYS,
        ),
        lines(
            About(
                "Runs of the garbage collector",
                "Per second by generation. Generation 2 looks at every object and stops the process "
                "meanwhile: more than one in ten seconds shows in the delay of the event loop.",
                unit="ops", width=8,
            ),
            Query(
                "sum by (cpython_gc_generation) "
                f"(rate(cpython_gc_collections_total{{{CHOSEN}}}[$__rate_interval]))",
                legend="generation {{cpython_gc_generation}}",
            ),
        ),
        lines(
            About(
                "Objects that the collector found",
                "Per second: freed, and uncollectable, which stay for ever. Any of the latter is a leak in "
                "an extension module.",
                unit="ops", width=8,
            ),
            Query(
                f"sum(rate(cpython_gc_collected_objects_total{{{CHOSEN}}}[$__rate_interval]))",
                legend="freed",
            ),
            Query(
                f"sum(rate(cpython_gc_uncollectable_objects_total{{{CHOSEN}}}[$__rate_interval]))",
                legend="uncollectable",
            ),
        ),
        lines(
            About(
                "Connections in use",
                "Share of each pool, of the eight fullest. Above the line: runbook ConnectionPoolFull.",
                unit="percentunit", width=8, limit=Limit("connection_pool_used"), links=(_STORES,),
            ),
            POOLS_USED,
        ),
        lines(
            About(
                "Wait for a connection, p95",
                "By pool, of five minutes and all instances. More than a millisecond: the pool is too "
                "small, or the store too slow; runbook ConnectionPoolFull.",
                unit="s", width=8, links=(_STORES,),
            ),
            Query(
                "histogram_quantile(0.95, sum by (le, db_client_connection_pool_name) "
                f"(pool:connection_wait_buckets:increase5m{{{SERVED}}})) >= 0",
                legend="{{db_client_connection_pool_name}}",
            ),
        ),
        lines(
            About(
                "Waits that ended without a connection",
                "Within five minutes, by pool: each is a learner who got an error. Above the line: runbook "
                "ConnectionTimeouts.",
                width=8, limit=Limit("connection_timeouts"),
            ),
            Query(
                "sum by (db_client_connection_pool_name) "
                f"(increase(db_client_connection_timeouts_total{{{CHOSEN}}}[5m])) or "
                f"0 * sum by (db_client_connection_pool_name) (db_client_connection_max{{{CHOSEN}}})",
                legend="{{db_client_connection_pool_name}}",
            ),
        ),
    ),
)  # fmt: skip

STORES: Final = Row(
    "The stack's other programs",
    (
        lines(
            About(
                "Memory of the stack's programs",
                "Physical memory of Prometheus, Alertmanager, the Collector and the stores of logs and "
                "traces. What grows without end takes the memory of the platform: runbook HostMemoryLow.",
                unit="bytes", width=12, links=(_STORES,),
            ),
            Query("max by (job) (process_resident_memory_bytes)", legend="{{job}}"),
            Query("max by (job) (otelcol_process_memory_rss_bytes)", legend="{{job}}"),
        ),
        lines(
            About(
                "CPU of the stack's programs",
                "CPUs in use. More than the platform itself: the telemetry costs too much; the board "
                "Telemetry pipeline shows whose.",
                width=12, links=(to("collector", "Telemetry pipeline"),),
            ),
            *(
                Query(f"sum by (job) (rate({metric}[$__rate_interval]))", legend="{{job}}")
                for metric in ("process_cpu_seconds_total", "otelcol_process_cpu_seconds_total")
            ),
        ),
    ),
)  # fmt: skip
