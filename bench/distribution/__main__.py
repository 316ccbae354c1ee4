"""Measures size, components, start-up and memory of the lean Collector: ``python -m bench.distribution``."""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

import httpx
import yaml

from bench.collector import Collector, Recipe
from bench.machine import described
from bench.process import BenchError
from collector_kit.fragments import LEAN
from stack.native.tools import ToolError, tool_path

DOCS: Final = Path(__file__).resolve().parent.parent.parent / "docs"
_INTERRUPTED: Final = 130
_PAUSE: Final = 0.005
_PATIENCE: Final = 30.0
_NOWHERE: Final = "http://127.0.0.1:9"
# Published figures for the image that this replaces. Nobody has published its start-up time.
CONTRIB_MEGABYTES: Final = 341
CONTRIB_MODULES: Final = 251
SOURCE_MEGABYTES: Final = (
    "open-telemetry/opentelemetry-collector-contrib issue 31156: `docker inspect`, 0.93; it has grown since"
)
SOURCE_MODULES: Final = "open-telemetry/opentelemetry-collector-releases, distributions/otelcol-contrib"
SUMS: Final = {
    "base.yaml alone": ("base.yaml",),
    "all-in-one": (
        "base.yaml",
        *LEAN,
        "host-metrics.yaml",
        "span-metrics.yaml",
        "prometheus.yaml",
        "victorialogs.yaml",
        "jaeger.yaml",
    ),
}


@dataclass(frozen=True, slots=True)
class Start:
    """One set of fragments: seconds from process start to a 200 from the health check, and memory then."""

    sum: str
    seconds: tuple[float, ...]
    megabytes: float


async def measure(name: str, folder: Path, rounds: int) -> Start:
    """Starts a Collector repeatedly, each time on an empty disk, and returns the start-up times.

    Raises:
        BenchError: it exited, or was not ready within half a minute.
    """
    urls = {"PROMETHEUS_URL": _NOWHERE, "VICTORIALOGS_URL": _NOWHERE, "JAEGER_OTLP_URL": _NOWHERE}
    seconds, memory = [], 0.0
    for number in range(rounds):
        collector = Collector(folder / f"{name.replace(' ', '-')}-{number}", Recipe(SUMS[name], urls))
        try:
            seconds.append(await _ready(collector))
            memory = collector.program.handle.memory_info().rss / 1e6
        finally:
            collector.program.kill()
    return Start(name, tuple(seconds), memory)


async def _ready(collector: Collector) -> float:
    started = time.monotonic()
    collector.program.launch()
    async with httpx.AsyncClient() as client:
        while time.monotonic() - started < _PATIENCE and collector.program.running:
            try:
                if (await client.get(collector.program.ready, timeout=1)).is_success:
                    return time.monotonic() - started
            except httpx.TransportError:
                await asyncio.sleep(_PAUSE)
    raise BenchError(f"the Collector did not start; its output:\n{collector.program.tail()}")


def components(program: Path) -> int:
    """Returns the number of components that the build reports."""
    done = subprocess.run([program, "components"], capture_output=True, text=True, check=True, timeout=30)
    kinds = ("receivers", "processors", "exporters", "connectors", "extensions")
    listed = yaml.safe_load(done.stdout)
    return sum(len(listed[kind]) for kind in kinds)


def page(size: float, count: int, starts: Sequence[Start]) -> str:
    """Returns the figures as Markdown."""
    moment = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {described()}"
    lines = [
        "# The lean Collector, compared with the contrib image",
        "",
        f"Written by `python -m bench.distribution` ({moment}). As data: `distribution.json`.",
        "",
        "| | lean build (`collector-config/distribution/`) | contrib image |",
        "|---|--:|--:|",
        f"| size | {size:.0f} MB | {CONTRIB_MEGABYTES} MB, published ({SOURCE_MEGABYTES}) |",
        f"| components | {count} | {CONTRIB_MODULES} ({SOURCE_MODULES}) |",
    ]
    for start in starts:
        spread = f"{min(start.seconds):.2f} to {max(start.seconds):.2f}"
        lines.append(f"| start-up, {start.sum} | {median(start.seconds):.2f} s ({spread}) | not published |")
        lines.append(f"| memory when ready, {start.sum} | {start.megabytes:.0f} MB | not published |")
    tail = (
        f"The lean build is {size / CONTRIB_MEGABYTES:.0%} of the published size. Start-up: from the start "
        "of the process, on an empty disk, until its health check returns 200; median and range. Memory: "
        "resident, at that moment."
    )
    return "\n".join([*lines, "", tail, ""])


def write(size: float, count: int, starts: Sequence[Start]) -> tuple[Path, Path]:
    """Writes docs/distribution.md and docs/distribution.json and returns their paths."""
    written = DOCS / "distribution.md", DOCS / "distribution.json"
    written[0].write_text(page(size, count, starts))
    data = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": described(),
        "megabytes": size,
        "components": count,
        "starts": [asdict(start) for start in starts],
        "published": {"megabytes": CONTRIB_MEGABYTES, "modules": CONTRIB_MODULES},
    }
    written[1].write_text(json.dumps(data, indent=1) + "\n")
    return written


async def _starts(rounds: int) -> list[Start]:
    with tempfile.TemporaryDirectory(prefix="distribution-") as folder:
        return [await measure(name, Path(folder), rounds) for name in SUMS]


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0 if everything was measured and written, 2 if something failed."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.distribution", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "--rounds", type=int, default=7, help="how often each set of fragments is started (default 7)"
    )
    options = parser.parse_args(argv)
    try:
        program = tool_path("otelcol-lms")
        size, count = program.stat().st_size / 1e6, components(program)
        starts = asyncio.run(_starts(options.rounds))
    except (BenchError, ToolError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; everything that was started is stopped", file=sys.stderr)
        return _INTERRUPTED
    print(page(size, count, starts))
    print("written:", *write(size, count, starts))
    return 0


if __name__ == "__main__":
    sys.exit(main())
