"""Compares the Collector's queues with what ``windows.yml`` promises and with the stores' limits.

A queue that keeps data longer than a store accepts it loses that data silently; so does a queue that is
smaller than the outage it is supposed to survive. ``python -m collector_kit.windows --prometheus FILE
--loki FILE --tempo FILE`` reads the stores' configuration files; without one, that store is not checked.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from collector_kit.fragments import FRAGMENTS
from collector_kit.limits import Rule, WindowsError, load, seconds, size
from collector_kit.stores import Stores, accepted

MARGIN: Final = 1.25  # a file takes more room than its content
VICTORIALOGS: Final = "otlp_http/victorialogs"
FILES: Final = "file_storage/queues"


def rules(folder: Path, stores: Stores, environ: Mapping[str, str]) -> list[Rule]:
    """Returns every relation between the queues of the kit in ``folder`` and the stores' windows.

    Raises:
        WindowsError: a value cannot be parsed.
        KeyError: a setting that the comparison needs is missing; the argument is its name.
    """
    promise = load(folder / "windows.yml", environ)
    fragments = {path.stem: load(path, environ) for path in sorted(folder.glob("*.yaml"))}
    base = fragments["base"]
    held = dict(_held(fragments, promise["rated_bytes_per_second"]))
    fullest = max(held.values())
    return [
        *_disk(fragments, base),
        *_queues(fragments, base, seconds(promise["outage"]), held, stores),
        *_gateway(fragments, fullest),
        *stores.rules(fragments, fullest, environ),
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
    storage = base["extensions"][FILES]
    for name in ("fsync", "recreate", "create_directory"):
        yield Rule(storage.get(name) is not True, 0, f"{FILES}: {name} is true (0: it is)")
    for name in ("on_start", "on_rebound", "cleanup_on_start"):
        yield Rule(storage["compaction"].get(name) is not True, 0, f"{FILES}: compaction.{name} (0: it is)")
    for name, configuration in _exporters(fragments).items():
        queue = configuration.get("sending_queue") or {}
        kept = queue.get("storage") == FILES
        yield Rule(not kept, 0, f"{name}: its queue is on disk (0: it is)")
        sized = queue.get("sizer") == (queue.get("batch") or {}).get("sizer") == "bytes"
        yield Rule(not sized, 0, f"{name}: queue and batch count bytes (0: they do)")
        blocks = queue.get("block_on_overflow") is True
        yield Rule(blocks, 0, f"{name}: a full queue refuses (0), does not block (1)")


def _exporters(fragments: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Returns each OTLP exporter by its name and file; what a later file adds to one is part of it."""
    files: dict[str, str] = {}
    merged: dict[str, Mapping[str, Any]] = {}
    for fragment, content in fragments.items():
        for exporter, configuration in (content.get("exporters") or {}).items():
            if exporter.startswith("otlp"):
                name = f"{exporter} ({files.setdefault(exporter, fragment)}.yaml)"
                merged[name] = {**merged.get(name, {}), **(configuration or {})}
    return merged


def _queues(
    fragments: Mapping[str, Any],
    base: Mapping[str, Any],
    outage: float,
    held: Mapping[tuple[str, str], float],
    stores: Stores,
) -> Iterator[Rule]:
    room = size(base["extensions"][FILES]["max_size"])
    body_limit = size(base["receivers"]["otlp"]["protocols"]["http"]["max_request_body_size"])
    for exporter, signal, configuration, optional in _sinks(fragments):
        queue, name = configuration["sending_queue"], f"{exporter} ({signal})"
        limit = size(queue["queue_size"])
        yield Rule(limit * MARGIN, room, f"{name}: queue_size * {MARGIN} <= file_storage max_size (bytes)")
        yield Rule(
            size(queue["batch"]["max_size"]), body_limit, f"{name}: batch <= the edge's body limit (bytes)"
        )
        forever = seconds(configuration["retry_on_failure"]["max_elapsed_time"])
        yield Rule(forever, 0, f"{name}: max_elapsed_time is 0s, forever (s)")
        if optional:
            continue
        yield Rule(outage, held[exporter, signal], f"{name}: the outage <= what the queue holds (s)")
        if signal == "metrics" and stores.metrics_bytes is not None:
            yield Rule(
                limit, stores.metrics_bytes, f"{exporter}: the queue <= Prometheus' size limit (bytes)"
            )
        if exporter == VICTORIALOGS and stores.logs_bytes is not None:
            yield Rule(limit, stores.logs_bytes, f"{exporter}: the queue <= its size limit (bytes)")


def _gateway(fragments: Mapping[str, Any], fullest: float) -> Iterator[Rule]:
    if "prometheus" in fragments:
        oldest, _ahead = accepted(fragments["prometheus"])
        yield Rule(fullest, oldest, "an agent's fullest queue <= PROMETHEUS_OLDEST at its gateway (s)")


def report(found: Iterable[Rule], *, quiet: bool) -> int:
    """Prints one line per relation, or only broken ones if ``quiet``; returns 1 if one does not hold."""
    found = list(found)
    for rule in found:
        if not (quiet and rule.holds()):
            sign = "ok    " if rule.holds() else "BROKEN"
            print(f"{sign} {rule.smaller:>14,.0f} <= {rule.larger:>14,.0f}  {rule.text}")
    return 0 if all(rule.holds() for rule in found) else 1


def _window(text: str) -> tuple[str, str]:
    name, _, duration = text.rpartition("=")
    if not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=DURATION")
    return name, duration


def main(argv: Sequence[str] | None = None) -> int:
    """Prints one line per relation; returns 1 if one does not hold, 2 if a file cannot be read."""
    parser = argparse.ArgumentParser(
        prog="python -m collector_kit.windows", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--quiet", action="store_true", help="print only what does not hold")
    for store in ("prometheus", "loki", "tempo"):
        parser.add_argument(f"--{store}", type=Path, metavar="FILE", help="its configuration file")
    parser.add_argument(
        "--retention",
        type=_window,
        action="append",
        default=[],
        metavar="NAME=DURATION",
        help="how long a store keeps or accepts data, if no file above says so; may be repeated",
    )
    parser.add_argument("--metrics-bytes", type=float, help="size at which Prometheus drops its oldest data")
    parser.add_argument("--logs-bytes", type=float, help="size at which VictoriaLogs drops its oldest data")
    given = parser.parse_args(argv)
    files = (given.prometheus, given.loki, given.tempo)
    stores = Stores(*files, dict(given.retention), given.metrics_bytes, given.logs_bytes)
    try:
        return report(rules(FRAGMENTS, stores, os.environ), quiet=given.quiet)
    except (WindowsError, KeyError, OSError) as error:
        print(f"the windows cannot be compared: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
