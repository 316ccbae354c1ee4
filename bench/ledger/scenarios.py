"""The scenarios: what is played, what may be lost and why, and which metric shows it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from bench.ledger import plays
from bench.ledger.scenario import ITEMS, Evidence, Scenario, dropped, refused
from bench.ledger.sender import Patience
from bench.ledger.world import SINKS, Setting

# The contrib image's own masking.
_STOCK: Final = ("base.yaml", *(f"{sink}.yaml" for sink in SINKS.values()))
PLAIN: Final = str(Path(__file__).resolve().parent.parent / "plain.yaml")
# Small batches: a queue drains in many requests, and few items fill it.
_SMALL_BATCH: Final = {"flush_timeout": "100ms", "min_size": 2048, "max_size": 4096}
_QUEUE_VARIABLES: Final = (
    "COLLECTOR_TRACES_QUEUE_BYTES",
    "COLLECTOR_METRICS_QUEUE_BYTES",
    "COLLECTOR_LOGS_QUEUE_BYTES",
)


def _queues(change: Mapping[str, Any]) -> dict[str, Any]:
    return {"exporters": {f"otlp_http/{sink}": {"sending_queue": dict(change)} for sink in SINKS.values()}}


def _plain_retry(scale: float) -> dict[str, Any]:
    """Returns the exporter's default retry in scaled time: 5 s to 30 s, 300 s in all."""
    retry = {
        "initial_interval": f"{5000 / scale:.0f}ms",
        "max_interval": f"{30000 / scale:.0f}ms",
        "max_elapsed_time": f"{300000 / scale:.0f}ms",
    }
    return {"exporters": {f"otlp_http/{sink}": {"retry_on_failure": retry} for sink in SINKS.values()}}


_EVERYWHERE_400: Final = dict.fromkeys(SINKS.values(), "400 means that a retry will not help")
_EVERYWHERE_500: Final = dict.fromkeys(
    SINKS.values(), "otlp_http retries only 429, 502, 503 and 504; it treats 500 as permanent"
)
_WINDOW: Final = {
    "prometheus": "older than out_of_order_time_window, or too far ahead: prometheus.yaml drops it, "
    "because Prometheus would reject the whole request",
}
_OUTSIDE: Final = (
    Evidence(
        "otelcol_processor_filter_datapoints_filtered_total",
        "PrometheusDiscards",
        {"filter": "filter/prometheus-window"},
    ),
)
# Nothing counts these records: the process that acknowledged them is gone.
_UNWRITTEN: Final = {"victorialogs": "it acknowledges up to 3 s before it writes, and a SIGKILL loses that"}
_DEFAULTS: Final = dict.fromkeys(
    SINKS.values(), "the default retry gives up after 300 s, and the queue is in memory"
)
_TINY: Final = dict.fromkeys(_QUEUE_VARIABLES, "32768")
_IMPATIENT: Final = Patience(deadline=1.0, timeout=0.5)
_OPTIONAL: Final = Setting(
    sentry=True,
    environment={"COLLECTOR_SENTRY_QUEUE_BYTES": "32768"},
    overlay={"exporters": {"otlp_http/sentry": {"sending_queue": {"batch": _SMALL_BATCH}}}},
)
_OPTIONAL_FULL: Final = tuple(
    Evidence(
        f"otelcol_exporter_enqueue_failed_{ITEMS[signal]}_total",
        "CollectorQueueRefuses",
        {"exporter": "otlp_http/sentry"},
    )
    for signal in ("traces", "logs")
)

SCENARIOS: Final = (
    Scenario("all-down", "every sink down for longer than the default retry", plays.all_down, short=True),
    Scenario(
        "all-down-unscaled",
        "the same with the fragments' own pauses (five and a half minutes)",
        plays.all_down,
        Setting(scale=1.0),
    ),
    Scenario("prometheus-down", "Prometheus down for longer than the default retry", plays.prometheus_down),
    Scenario(
        "victorialogs-down", "VictoriaLogs down for longer than the default retry", plays.victorialogs_down
    ),
    Scenario("jaeger-down", "Jaeger down for longer than the default retry", plays.jaeger_down),
    Scenario(
        "backlog", "10,000 items of each signal replayed in full batches after an outage", plays.backlog
    ),
    Scenario("slow", "every sink takes 2 s to answer", plays.slow),
    Scenario(
        "too-slow",
        "every sink stores, but answers after the exporter's timeout",
        plays.too_slow,
        Setting(overlay={"exporters": {f"otlp_http/{sink}": {"timeout": "1s"} for sink in SINKS.values()}}),
        repeats=True,
    ),
    Scenario(
        "lost-acknowledgement",
        "every sink stores, but answers 503",
        plays.lost_acknowledgement,
        repeats=True,
        short=True,
    ),
    Scenario("retryable", "every sink answers 429, 502, 503, 504", plays.retryable, short=True),
    Scenario(
        "answers-400",
        "every sink answers 400 for a while",
        plays.answers_400,
        losses=_EVERYWHERE_400,
        lost=200,
        evidence=dropped(_EVERYWHERE_400),
    ),
    Scenario(
        "answers-500",
        "every sink answers 500 for a while",
        plays.answers_500,
        losses=_EVERYWHERE_500,
        lost=200,
        evidence=dropped(_EVERYWHERE_500),
        short=True,
    ),
    Scenario(
        "killed-under-load",
        "the Collector killed (SIGKILL) twice under load",
        plays.killed_under_load,
        repeats=True,
        short=True,
    ),
    Scenario(
        "killed-under-load-stock",
        "the Collector killed (SIGKILL) twice under load, with stock processors",
        plays.killed_under_load,
        Setting(fragments=_STOCK),
        repeats=True,
        short=True,
    ),
    Scenario(
        "prometheus-killed",
        "Prometheus killed (SIGKILL) twice under load",
        plays.prometheus_killed,
        repeats=True,
    ),
    Scenario(
        "victorialogs-killed",
        "VictoriaLogs killed (SIGKILL) twice under load",
        plays.victorialogs_killed,
        losses=_UNWRITTEN,
        repeats=True,
        short=True,
    ),
    Scenario(
        "victorialogs-restarted",
        "VictoriaLogs stopped (SIGTERM) and started twice under load",
        plays.victorialogs_restarted,
        repeats=True,
    ),
    Scenario(
        "killed-in-replay",
        "the Collector killed (SIGKILL) while it empties full queues",
        plays.killed_in_replay,
        Setting(overlay=_queues({"batch": _SMALL_BATCH})),
        repeats=True,
        short=True,
    ),
    Scenario(
        "killed-in-replay-stock",
        "the Collector killed (SIGKILL) in replay, with stock processors",
        plays.killed_in_replay,
        Setting(fragments=_STOCK, overlay=_queues({"batch": _SMALL_BATCH})),
        repeats=True,
    ),
    Scenario(
        "restarted", "the Collector stopped and started with full queues", plays.restarted, repeats=True
    ),
    Scenario(
        "queue-full",
        "more than the queues hold while every sink is down",
        plays.queue_full,
        Setting(environment=_TINY, overlay=_queues({"batch": _SMALL_BATCH}), patience=_IMPATIENT),
        evidence=refused(),
        repeats=True,
        refuses=True,
        short=True,
    ),
    Scenario(
        "disk-full",
        "more than the disk holds while every sink is down; no space is freed",
        plays.disk_full,
        Setting(patience=_IMPATIENT),
        evidence=refused(),
        repeats=True,
        refuses=True,
        disk=1,
    ),
    Scenario(
        "disk-full-relieved",
        "more than the disk holds while every sink is down; then space is freed",
        plays.disk_full_relieved,
        Setting(patience=_IMPATIENT),
        evidence=refused(),
        repeats=True,
        refuses=True,
        disk=1,
    ),
    Scenario(
        "disk-full-stock",
        "more than the disk holds while every sink is down, with stock processors",
        plays.disk_full,
        Setting(fragments=_STOCK, patience=_IMPATIENT),
        evidence=refused(),
        repeats=True,
        refuses=True,
        disk=1,
    ),
    Scenario("clock-inside", "a clock 5 h behind, then 5 min ahead", plays.clock_inside),
    Scenario(
        "clock-behind",
        "a clock 7 h behind",
        plays.clock_behind,
        losses=_WINDOW,
        lost=200,
        evidence=_OUTSIDE,
    ),
    Scenario(
        "clock-mixed",
        "one sender's clock 7 h behind, another's right, in the same batches",
        plays.clock_mixed,
        losses=_WINDOW,
        lost=200,
        evidence=_OUTSIDE,
    ),
    Scenario(
        "clock-ahead",
        "a clock 2 h ahead",
        plays.clock_ahead,
        losses=_WINDOW,
        lost=200,
        evidence=_OUTSIDE,
    ),
    Scenario(
        "optional-dead",
        "the optional sink down, its queue full",
        plays.optional_dead,
        _OPTIONAL,
        evidence=_OPTIONAL_FULL,
        calm=True,
        short=True,
    ),
    Scenario(
        "optional-refusing",
        "the optional sink answers 503, its queue full",
        plays.optional_refusing,
        _OPTIONAL,
        evidence=_OPTIONAL_FULL,
        calm=True,
    ),
    Scenario(
        "control",
        "every sink down: a default Collector (bench/plain.yaml), to show that the ledger sees a loss",
        plays.all_down,
        Setting(fragments=(PLAIN,), overlay=_plain_retry(60.0)),
        losses=_DEFAULTS,
        short=True,
    ),
)
