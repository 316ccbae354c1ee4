"""The part of board 9 about capacity: how full, how many processes, how many cores, at what price."""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path
from typing import Final

from grafana.board import Row, Text
from grafana.boards.common import SERVED, to
from grafana.panels import About, Limit, Panel, Query, lines, stat

# Nobody's price list: placeholders of the right order, to be replaced by what you pay.
PRICES: Final = (
    Text("price_core", "Price of a core, a month", "25"),
    Text("price_memory", "of a GiB of memory", "3"),
    Text("price_disk", "of a GiB on disk", "0.1"),
)
_MEASURED: Final = Path(__file__).parents[2] / "docs" / "throughput.json"
_BUSY: Final = 0.65  # docs/sizing.md: the rest is for replay after an outage
_PRESSURE: Final = f"service:scale_pressure:ratio{{{SERVED}}}"
_REQUESTS: Final = f"sum(route:http_responses:increase5m{{{SERVED}}}) / 300"
_GIB: Final = 2**30


def _sum(*terms: str) -> str:
    """Returns the sum of what there is; nothing if there is none of it.

    A stack has one log store and one trace store of several, and a Collector counts a signal from its first
    item on. The label keeps apart what one process reports under two names.
    """
    parts = (f'label_replace({term}, "part", "{at}", "", "")' for at, term in enumerate(terms))
    return "sum(" + " or ".join(parts) + ")"


def _capacity(signal: str) -> float:
    """Returns the items that a core of the Collector carries, as docs/sizing.md has it: two digits, cut."""
    figures = json.loads(_MEASURED.read_text(encoding="utf-8"))["figures"]
    chosen = [each for each in figures if each["variant"] == "full" and each["signal"] == signal]
    value = statistics.median(each["items"] / each["cpu_seconds"] for each in chosen)
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(math.floor(value / step) * step)


def _cores_needed() -> str:
    parts = {"spans": "traces", "metric_points": "metrics", "log_records": "logs"}
    received = "rate(otelcol_receiver_accepted_{}_total[$__rate_interval])"
    terms = (f"{received.format(name)} / {_capacity(signal):.0f}" for name, signal in parts.items())
    return f"{_sum(*terms)} / {_BUSY}"


PRESSURE: Final[Panel] = stat(
    About(
        "Scaling signal",
        "How near the platform's processes are to the first alert about load: requests in progress, event "
        "loop, CPU; the mean over processes, which KEDA asks for. Red: another process starts; if none does, "
        "start one.",
        unit="percentunit", width=6, height=4, limit=Limit("scale_pressure"),
    ),
    Query(f"avg({_PRESSURE})", now=True),
)  # fmt: skip

CAPACITY: Final = Row(
    "Capacity",
    (
        lines(
            About(
                "Scaling signal by process",
                "The same recording rule (service:scale_pressure:ratio) that KEDA or an HPA reads. One "
                "process alone above the line is unlucky or blocked, and more processes do not help it: "
                "runbook EventLoopBlocked.",
                unit="percentunit", width=8, limit=Limit("scale_pressure"),
            ),
            Query(f"topk(10, {_PRESSURE})", legend="{{instance}}"),
        ),
        lines(
            About(
                "What the signal is made of",
                "The worst process of each part, as a share of its alert's threshold. active_requests: "
                "runbook ApiSaturated. event_loop: EventLoopBlocked. cpu: HostCpuBusy.",
                unit="percentunit", width=8,
            ),
            Query(f"max by (part) (service:scale_pressure_parts:ratio{{{SERVED}}})", legend="{{part}}"),
        ),
        lines(
            About(
                "Processes, and asked for",
                "asked for: what KEDA would aim at: processes times signal, divided by the threshold, "
                "rounded up. Above the first for long: scaling does not work, or has reached its maximum.",
                width=8,
            ),
            Query(f"count({_PRESSURE})", legend="now"),
            Query(
                f"ceil(count({_PRESSURE}) * avg({_PRESSURE}) / ${{scale_pressure}})",
                legend="asked for",
            ),
        ),
        lines(
            About(
                "Requests per second, and room",
                "first alert: where the first alert would be. It extrapolates: requests divided by the "
                "highest signal. With little load it says little; believe it from a signal of some 20 % on.",
                unit="reqps", width=8, links=(to("lms-api", "API performance"),),
            ),
            Query(_REQUESTS, legend="now"),
            Query(f"{_REQUESTS} / (max({_PRESSURE}) > 0)", legend="first alert"),
        ),
        lines(
            About(
                "CPU time per request",
                "Of all processes of the chosen service. A step up without a change in traffic came with a "
                "release.",
                unit="s", width=8,
            ),
            Query(
                f"sum(rate(process_cpu_time_seconds_total{{{SERVED}}}[$__rate_interval])) / ({_REQUESTS} > "
                f"0)",
                legend="CPU time",
            ),
        ),
        lines(
            About(
                "Cores of the Collector",
                "needed: the items of now divided by what a core carries (docs/sizing.md), with a third kept "
                "free to drain a queue after an outage. Above what the Collector has: give it more, or add "
                "gateways.",
                width=8, links=(to("collector", "Telemetry pipeline"),),
            ),
            Query("sum(rate(otelcol_process_cpu_seconds_total[$__rate_interval]))", legend="used"),
            Query(_cores_needed(), legend="needed"),
        ),
    ),
)  # fmt: skip


_CPU: Final = _sum(
    f"rate(process_cpu_time_seconds_total{{{SERVED}}}[$__rate_interval])",
    "rate(process_cpu_seconds_total[$__rate_interval])",
    "rate(otelcol_process_cpu_seconds_total[$__rate_interval])",
)
_MEMORY: Final = _sum(
    f"process_memory_usage_bytes{{{SERVED}}}",
    "process_resident_memory_bytes",
    "otelcol_process_memory_rss_bytes",
)
_DISK: Final = _sum(
    "prometheus_tsdb_storage_blocks_bytes",
    "prometheus_tsdb_wal_storage_size_bytes",
    "vl_compressed_data_size_bytes",
)
_LEARNERS: Final = f'max(lms_users_active{{{SERVED}, window="24h"}})'
_PARTS: Final = (
    ("CPU", f"{_CPU} * $price_core"),
    ("memory", f"{_MEMORY} / {_GIB} * $price_memory"),
    ("disk", f"{_DISK} / {_GIB} * $price_disk"),
)
_FORMULA: Final = (
    "Cores in use, GiB of memory and GiB on disk, each times its price, divided by the learners active "
    "within 24 hours, times 1000. It counts the platform, the Collector and the stores that report these "
    "figures; MongoDB, disks of Loki and of the trace store, Redis, network and spare machines are not in "
    "it. Enter your prices above: the defaults are placeholders."
)

COST: Final = Row(
    "Cost (an estimate with the prices above)",
    (
        stat(
            About("Cost a month per thousand learners", _FORMULA, width=6, height=6),
            Query(f"({' + '.join(part for _, part in _PARTS)}) / ({_LEARNERS} > 0) * 1000", now=True),
        ),
        stat(
            About(
                "Active learners",
                "Within 24 hours: what the cost is divided by. Few learners carry the whole idle stack, so "
                "the figure falls as they come.",
                width=6, height=6, links=(to("lms-business", "Learning and business"),),
            ),
            Query(_LEARNERS, now=True),
        ),
        lines(
            About(
                "Cost a month by part",
                "Of everything that is counted, at the use of each moment; the same formula before the "
                "division.",
                width=12, height=6,
            ),
            *(Query(part, legend=name) for name, part in _PARTS),
        ),
    ),
)  # fmt: skip
