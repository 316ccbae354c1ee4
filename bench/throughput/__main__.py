"""Measures the Collector's throughput: ``python -m bench.throughput``."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

from bench.ledger.door import silence_servers
from bench.ledger.items import SIGNALS
from bench.ledger.world import world
from bench.process import BenchError
from bench.throughput.latency import Latency, latencies
from bench.throughput.measure import Figure, acceptor, measure
from bench.throughput.report import latency_table, throughput_table, write
from bench.throughput.variants import VARIANTS
from stack.native.tools import ToolError

_INTERRUPTED = 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.throughput",
        description="Measures items per second and core of the Collector with and without its safeguards, "
        "and the time until the real stores show an item; writes docs/throughput.md, .json and .svg, "
        "and docs/sizing.md, which is calculated from them.",
    )
    parser.add_argument("--rounds", type=int, default=3, help="number of rounds (default 3)")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of one load (default 4)")
    parser.add_argument("--probes", type=int, default=40, help="latency probes per signal (default 40)")
    return parser


async def _rounds(rounds: int, seconds: float) -> list[Figure]:
    figures: list[Figure] = []
    plan = [(variant, signal) for _ in range(rounds) for signal in SIGNALS for variant in VARIANTS]
    async with acceptor() as sink:
        for count, (variant, signal) in enumerate(plan, 1):
            figure = await measure(variant, signal, seconds, sink)
            figures.append(figure)
            line = (
                f"[{count}/{len(plan)}] {signal:<8}{variant.name:<14}{figure.per_core:>9,.0f} per CPU second"
            )
            print(line, file=sys.stderr, flush=True)
    return figures


async def _latencies(probes: int) -> list[Latency]:
    print("latency: starting Prometheus, VictoriaLogs and Jaeger ...", file=sys.stderr, flush=True)
    async with world() as here:
        return await latencies(here, probes)


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0 if everything was measured and written, 2 if something failed."""
    options = _parser().parse_args(argv)
    load_before = os.getloadavg()[0]
    try:
        figures = asyncio.run(_rounds(options.rounds, options.seconds))
        seen = asyncio.run(_latencies(options.probes))
    except (BenchError, ToolError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; everything that was started is stopped", file=sys.stderr)
        return _INTERRUPTED
    print(throughput_table(figures), latency_table(seen), "", sep="\n\n")
    print("written:", *write(figures, seen, load_before))
    return 0


if __name__ == "__main__":
    silence_servers()
    sys.exit(main())
