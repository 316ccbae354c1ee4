"""Compares the Collector's queues with the stores' limits (``make check`` runs it).

A queue that keeps data longer than a store accepts it loses that data silently; so does a queue that is
smaller than the outage it is supposed to survive. The figures are in six files; this reads all of them.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from stack.collector import LEAN
from stack.settings import StackSettings

REPOSITORY: Final = Path(__file__).resolve().parent.parent
SIGNALS: Final = ("traces", "metrics", "logs")
MARGIN: Final = 1.25  # a file takes more room than its content
FILES: Final = "file_storage/queues"
JOURNAL: Final = LEAN["journal.yaml"][1]
_DEFAULT: Final = re.compile(r"\$\{(?:env:)?(?P<name>[A-Z0-9_]+)(?::-(?P<default>[^}]*))?\}")
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SIZE: Final = re.compile(r"(\d+)\s*([KMG]?)i?B?")
_BYTES: Final = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}


class WindowsError(Exception):
    """A file contains an invalid duration or size; the message names it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One relation that must hold: ``smaller <= larger``, both in the same unit (seconds or bytes)."""

    smaller: float
    larger: float
    text: str

    def holds(self) -> bool:
        """Returns whether the relation is true."""
        return self.smaller <= self.larger


def seconds(text: object) -> float:
    """Returns a duration such as ``6h``, ``1h30m`` or ``0s`` in seconds.

    Raises:
        WindowsError: not a duration.
    """
    parts = _DURATION.findall(str(text))
    if not parts or "".join(number + unit for number, unit in parts) != str(text):
        raise WindowsError(f"{text!r} is not a duration: write it like 6h or 90m")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def size(text: object) -> int:
    """Returns a size such as ``1048576`` or ``256KB`` (1 KB is 1024 bytes) in bytes.

    Raises:
        WindowsError: not a size.
    """
    match = _SIZE.fullmatch(str(text))
    if match is None:
        raise WindowsError(f"{text!r} is not a size: write it like 1048576 or 256KB")
    return int(match[1]) * _BYTES[match[2]]


def load(path: Path, environ: Mapping[str, str]) -> Any:  # noqa: ANN401 - YAML has any shape
    """Returns a YAML file with ``${X:-default}`` and ``${env:X:-default}`` replaced."""
    text = _DEFAULT.sub(lambda match: environ.get(match["name"]) or match["default"] or "", path.read_text())
    return yaml.safe_load(text)


def rules(repository: Path, environ: Mapping[str, str]) -> list[Rule]:
    """Returns every relation between the queues' and the stores' windows, as configured in the repository.

    Raises:
        WindowsError: a value cannot be parsed.
        KeyError: a setting that the comparison needs is missing; the argument is its name.
    """
    collector = repository / "collector-config"
    promise = load(collector / "windows.yml", environ)
    fragments = {path.stem: load(path, environ) for path in sorted(collector.glob("*.yaml"))}
    base = fragments["base"]
    held = dict(_held(fragments, promise["rated_bytes_per_second"]))
    return [
        *_disk(fragments, base),
        *_queues(fragments, base, seconds(promise["outage"]), held),
        *_stores(repository, environ, max(held.values())),
        *_clocks(repository, environ, fragments, max(held.values())),
        *_sizes(environ, fragments),
        *_texts(repository, environ, base),
    ]


def _sinks(fragments: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any], bool]]:
    """Yields exporter, signal, configuration and whether it is optional, for every queue."""
    for fragment in fragments.values():
        exporters = fragment.get("exporters") or {}
        for name, pipeline in (fragment.get("service", {}).get("pipelines") or {}).items():
            optional = any(part.startswith("batch/") for part in pipeline.get("processors", []))
            for exporter in pipeline.get("exporters", []):
                if (exporters.get(exporter) or {}).get("sending_queue"):
                    yield exporter, name.partition("/")[0], exporters[exporter], optional


def _held(
    fragments: Mapping[str, Any], rated: Mapping[str, float]
) -> Iterator[tuple[tuple[str, str], float]]:
    """Yields how many seconds of the rated load each primary queue holds."""
    for exporter, signal, configuration, optional in _sinks(fragments):
        if not optional:
            yield (exporter, signal), size(configuration["sending_queue"]["queue_size"]) / rated[signal]


def _disk(fragments: Mapping[str, Any], base: Mapping[str, Any]) -> Iterator[Rule]:
    """Yields the conditions under which "acknowledged" means "on disk", as numbers: 0 if met, 1 if not."""
    storage, journal = base["extensions"][FILES], fragments["journal"]["extensions"][JOURNAL]
    for name in ("fsync", "recreate", "create_directory"):
        yield Rule(storage.get(name) is not True, 0, f"{FILES}: {name} is true (0: it is)")
    for name in ("on_start", "on_rebound", "cleanup_on_start"):
        yield Rule(storage["compaction"].get(name) is not True, 0, f"{FILES}: compaction.{name} (0: it is)")
    for name in ("fsync", "create_directory"):
        yield Rule(journal.get(name) is not True, 0, f"{JOURNAL}: {name} is true (0: it is)")
    stranded = journal.get("import_directory") != storage["directory"]
    yield Rule(stranded, 0, f"{JOURNAL}: import_directory is file_storage's directory (0: it is)")
    for fragment, content in fragments.items():
        for exporter, configuration in (content.get("exporters") or {}).items():
            if not exporter.startswith("otlp"):
                continue
            queue = (configuration or {}).get("sending_queue") or {}
            kept = queue.get("storage") in {FILES, JOURNAL}
            yield Rule(not kept, 0, f"{exporter} ({fragment}.yaml): its queue is on disk (0: it is)")
            sized = queue.get("sizer") == (queue.get("batch") or {}).get("sizer") == "bytes"
            yield Rule(
                not sized, 0, f"{exporter} ({fragment}.yaml): queue and batch count bytes (0: they do)"
            )
            blocks = queue.get("block_on_overflow") is True
            yield Rule(
                blocks, 0, f"{exporter} ({fragment}.yaml): a full queue refuses (0), does not block (1)"
            )


def _queues(
    fragments: Mapping[str, Any],
    base: Mapping[str, Any],
    outage: float,
    held: Mapping[tuple[str, str], float],
) -> Iterator[Rule]:
    limits = {
        "file_storage": size(base["extensions"][FILES]["max_size"]),
        "journal_storage": size(fragments["journal"]["extensions"][JOURNAL]["max_size"]),
    }
    body_limit = size(base["receivers"]["otlp"]["protocols"]["http"]["max_request_body_size"])
    for exporter, signal, configuration, optional in _sinks(fragments):
        queue, name = configuration["sending_queue"], f"{exporter} ({signal})"
        limit = size(queue["queue_size"])
        for storage, room in limits.items():
            yield Rule(limit * MARGIN, room, f"{name}: queue_size * {MARGIN} <= {storage} max_size (bytes)")
        yield Rule(
            size(queue["batch"]["max_size"]), body_limit, f"{name}: batch <= the edge's body limit (bytes)"
        )
        forever = seconds(configuration["retry_on_failure"]["max_elapsed_time"])
        yield Rule(forever, 0, f"{name}: max_elapsed_time is 0s, forever (s)")
        if not optional:
            yield Rule(outage, held[exporter, signal], f"{name}: the outage <= what the queue holds (s)")


def _stores(repository: Path, environ: Mapping[str, str], held: float) -> Iterator[Rule]:
    prometheus = load(repository / "stack/prometheus/prometheus.yml", environ)
    loki = load(repository / "stack/loki/loki.yml", environ)
    tempo = load(repository / "stack/tempo/tempo.yaml", environ)
    kept = {name: field.default for name, field in StackSettings.model_fields.items()}
    limits, trace = loki["limits_config"], tempo["storage"]["trace"]
    windows = {
        "Prometheus' out_of_order_time_window": prometheus["storage"]["tsdb"]["out_of_order_time_window"],
        "Prometheus' retention": environ.get("STACK_RETENTION_METRICS") or kept["retention_metrics"],
        "Loki's reject_old_samples_max_age": limits["reject_old_samples_max_age"],
        "Loki's retention_period": limits["retention_period"],
        "Loki's retention in the stack": environ.get("STACK_RETENTION_LOGS") or kept["retention_logs"],
        "Tempo's live_store slack": tempo["live_store"]["wal"]["ingestion_time_range_slack"],
        "Tempo's storage slack": trace["wal"]["ingestion_time_range_slack"],
        "Tempo's block_retention": tempo["backend_worker"]["compaction"]["block_retention"],
        "Jaeger's retention": environ.get("STACK_RETENTION_TRACES") or kept["retention_traces"],
    }
    for name, window in windows.items():
        yield Rule(held, seconds(window), f"the fullest queue <= {name} (s)")


def _clocks(
    repository: Path, environ: Mapping[str, str], fragments: Mapping[str, Any], held: float
) -> Iterator[Rule]:
    """Yields the rules for stores that count back from their newest item, dated by the fastest clock."""
    prometheus = load(repository / "stack/prometheus/prometheus.yml", environ)
    loki = load(repository / "stack/loki/loki.yml", environ)
    accepted = " ".join(
        fragments["prometheus"]["processors"]["filter/prometheus-window"]["metric_conditions"]
    )
    oldest, ahead = (
        seconds(_only(rf'{sign} Duration\("(\w+)"\)', accepted, "prometheus.yaml")) for sign in ("-", r"\+")
    )
    window = seconds(prometheus["storage"]["tsdb"]["out_of_order_time_window"])
    yield Rule(held, oldest, "an agent's fullest queue <= PROMETHEUS_OLDEST at its gateway (s)")
    yield Rule(held + ahead, window, "the fullest queue + PROMETHEUS_AHEAD <= out_of_order_time_window (s)")
    yield Rule(oldest + ahead, window, "PROMETHEUS_OLDEST + PROMETHEUS_AHEAD <= out_of_order_time_window (s)")
    grace = seconds(loki["limits_config"]["creation_grace_period"])
    half = seconds(loki["ingester"]["max_chunk_age"]) / 2
    yield Rule(held + grace, half, "the fullest queue + creation_grace_period <= half of max_chunk_age (s)")


def _sizes(environ: Mapping[str, str], fragments: Mapping[str, Any]) -> Iterator[Rule]:
    """Yields the rule that a store with a size limit has room for a replayed queue."""
    limit = environ.get("STACK_METRICS_MAX_MB") or StackSettings.model_fields["metrics_max_mb"].default
    for exporter, signal, configuration, optional in _sinks(fragments):
        if signal == "metrics" and not optional:
            queue = size(configuration["sending_queue"]["queue_size"])
            yield Rule(
                queue, float(limit) * 1024**2, f"{exporter}: the queue <= Prometheus' size limit (bytes)"
            )


def _texts(repository: Path, environ: Mapping[str, str], base: Mapping[str, Any]) -> Iterator[Rule]:
    """Yields the Collector's text limits against the lengths that the stores accept without truncation."""
    limits = load(repository / "stack/loki/loki.yml", environ)["limits_config"]
    tempo = load(repository / "stack/tempo/tempo.yaml", environ)
    restore = base["processors"]["transform/restore"]
    attribute = _longest(restore["trace_statements"], r"truncate_all\(span\.attributes, (\d+)\)")
    body = _longest(restore["log_statements"], r"Substring\(log\.body, 0, (\d+)")
    yield Rule(attribute, tempo["distributor"]["max_attribute_bytes"], "span attributes <= Tempo's (bytes)")
    yield Rule(body, size(limits["max_line_size"]), "log bodies <= Loki's max_line_size (bytes)")


def _only(pattern: str, text: str, file: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise WindowsError(f"nothing in {file} matches {pattern}")
    return found[1]


def _longest(groups: Sequence[Mapping[str, Sequence[str]]], pattern: str) -> int:
    statements = [text for group in groups for text in group["statements"]]
    found = [int(match[1]) for text in statements for match in re.finditer(pattern, text)]
    if not found:
        raise WindowsError(f"no statement of transform/restore in base.yaml matches {pattern}")
    return max(found)


def main(argv: Sequence[str] | None = None) -> int:
    """Prints one line per relation; returns 1 if one does not hold, 2 if a file cannot be read."""
    parser = argparse.ArgumentParser(
        prog="python -m stack.windows", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--quiet", action="store_true", help="print only what does not hold")
    quiet = parser.parse_args(argv).quiet
    try:
        found = rules(REPOSITORY, os.environ)
    except (WindowsError, KeyError) as error:
        print(f"the windows cannot be compared: {error}", file=sys.stderr)
        return 2
    for rule in found:
        if not (quiet and rule.holds()):
            sign = "ok    " if rule.holds() else "BROKEN"
            print(f"{sign} {rule.smaller:>14,.0f} <= {rule.larger:>14,.0f}  {rule.text}")
    return 0 if all(rule.holds() for rule in found) else 1


if __name__ == "__main__":
    sys.exit(main())
