"""The limits of the stores that the Collector's queues are replayed into."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collector_kit.limits import Rule, WindowsError, load, seconds, size


@dataclass(frozen=True, slots=True)
class Stores:
    """What is known about the stores; whatever is left out is not checked.

    ``prometheus``, ``loki`` and ``tempo`` are their configuration files. ``retention`` has durations that
    come from somewhere else, such as a flag, by a name for the report. ``metrics_bytes`` is the size at
    which Prometheus drops its oldest data, ``logs_bytes`` that of VictoriaLogs.
    """

    prometheus: Path | None = None
    loki: Path | None = None
    tempo: Path | None = None
    retention: Mapping[str, str] = field(default_factory=dict)
    metrics_bytes: float | None = None
    logs_bytes: float | None = None

    def rules(self, fragments: Mapping[str, Any], held: float, environ: Mapping[str, str]) -> Iterator[Rule]:
        """Yields the rules for queues that hold up to ``held`` seconds.

        Raises:
            WindowsError: a value cannot be parsed.
            KeyError: a setting that the comparison needs is missing; the argument is its name.
        """
        for name, window in self.retention.items():
            yield _accepts(held, window, name)
        if self.prometheus:
            yield from _prometheus(load(self.prometheus, environ), fragments["prometheus"], held)
        if self.loki:
            yield from _loki(load(self.loki, environ), fragments["base"], held)
        if self.tempo:
            yield from _tempo(load(self.tempo, environ), fragments["base"], held)


def _accepts(held: float, window: object, name: str) -> Rule:
    return Rule(held, seconds(window), f"the fullest queue <= {name} (s)")


def _prometheus(configuration: Mapping[str, Any], fragment: Mapping[str, Any], held: float) -> Iterator[Rule]:
    """Yields the rules for a store that counts back from its newest item, dated by the fastest clock."""
    text = configuration["storage"]["tsdb"]["out_of_order_time_window"]
    window, (oldest, ahead) = seconds(text), accepted(fragment)
    yield _accepts(held, text, "Prometheus' out_of_order_time_window")
    yield Rule(held + ahead, window, "the fullest queue + PROMETHEUS_AHEAD <= out_of_order_time_window (s)")
    yield Rule(oldest + ahead, window, "PROMETHEUS_OLDEST + PROMETHEUS_AHEAD <= out_of_order_time_window (s)")


def accepted(fragment: Mapping[str, Any]) -> tuple[float, float]:
    """Returns how old and how far ahead, in seconds, a point may be to pass prometheus.yaml."""
    text = " ".join(fragment["processors"]["filter/prometheus-window"]["metric_conditions"])
    oldest, ahead = (re.search(rf'{sign} Duration\("(\w+)"\)', text) for sign in ("-", r"\+"))
    if oldest is None or ahead is None:
        raise WindowsError("filter/prometheus-window in prometheus.yaml does not compare with two durations")
    return seconds(oldest[1]), seconds(ahead[1])


def _loki(configuration: Mapping[str, Any], base: Mapping[str, Any], held: float) -> Iterator[Rule]:
    limits = configuration["limits_config"]
    yield _accepts(held, limits["reject_old_samples_max_age"], "Loki's reject_old_samples_max_age")
    yield _accepts(held, limits["retention_period"], "Loki's retention_period")
    grace = seconds(limits["creation_grace_period"])
    half = seconds(configuration["ingester"]["max_chunk_age"]) / 2
    yield Rule(held + grace, half, "the fullest queue + creation_grace_period <= half of max_chunk_age (s)")
    body = _longest(base, "log_statements", r"Substring\(log\.body, 0, (\d+)")
    yield Rule(body, size(limits["max_line_size"]), "log bodies <= Loki's max_line_size (bytes)")


def _tempo(configuration: Mapping[str, Any], base: Mapping[str, Any], held: float) -> Iterator[Rule]:
    live, wal = configuration["live_store"]["wal"], configuration["storage"]["trace"]["wal"]
    yield _accepts(held, live["ingestion_time_range_slack"], "Tempo's live_store slack")
    yield _accepts(held, wal["ingestion_time_range_slack"], "Tempo's storage slack")
    kept = configuration["backend_worker"]["compaction"]["block_retention"]
    yield _accepts(held, kept, "Tempo's block_retention")
    attribute = _longest(base, "trace_statements", r"truncate_all\(span\.attributes, (\d+)\)")
    limit = configuration["distributor"]["max_attribute_bytes"]
    yield Rule(attribute, limit, "span attributes <= Tempo's (bytes)")


def _longest(base: Mapping[str, Any], key: str, pattern: str) -> int:
    groups: Sequence[Mapping[str, Sequence[str]]] = base["processors"]["transform/restore"][key]
    statements = [text for group in groups for text in group["statements"]]
    found = [int(match[1]) for text in statements for match in re.finditer(pattern, text)]
    if not found:
        raise WindowsError(f"no statement of transform/restore in base.yaml matches {pattern}")
    return max(found)
