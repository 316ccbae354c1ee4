"""Runs the benchmarks, one after the other: ``python -m bench [--only NAME]... [--short]``."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One benchmark: its package in `bench`, what it measures, and the options that make it short."""

    name: str
    what: str
    short: tuple[str, ...]


BENCHMARKS: Final = (
    Benchmark("overhead", "what telemetry costs a request, against peers", ("--short",)),
    Benchmark("limits", "what the rate limiter costs, against peers", ("--short",)),
    Benchmark("distribution", "the size and the start of the lean Collector", ("--rounds", "2")),
    Benchmark(
        "throughput", "what the Collector carries", ("--rounds", "1", "--seconds", "2", "--probes", "10")
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs all chosen benchmarks even if some fail; returns the first non-zero status, else 0."""
    options = _parser().parse_args(arguments)
    chosen = [each for each in BENCHMARKS if not options.only or each.name in options.only]
    failed = 0
    for each in chosen:
        print(f"== {each.name}: {each.what}", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", f"bench.{each.name}", *(each.short if options.short else ())]
        try:
            status = subprocess.run(command, check=False).returncode
        except KeyboardInterrupt:
            return _INTERRUPTED
        if status == _INTERRUPTED:
            return _INTERRUPTED
        failed = failed or status
    return failed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measures this project against peers. The results are pages, data and plots in docs/.",
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=[each.name for each in BENCHMARKS],
        metavar="NAME",
        help="one benchmark; may be given several times (default: all of "
        + "; ".join(f"{each.name}: {each.what}" for each in BENCHMARKS)
        + ")",
    )
    parser.add_argument("--short", action="store_true", help="fewer rounds: a look, not a result")
    return parser


if __name__ == "__main__":
    sys.exit(main())
