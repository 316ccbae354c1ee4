"""The throughput's figures as a page, as data and as a plot."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.bars import Bars, svg
from bench.ledger.items import SIGNALS
from bench.machine import described
from bench.throughput.latency import Latency
from bench.throughput.measure import CONNECTIONS, Figure
from bench.throughput.payloads import ITEMS, request
from bench.throughput.variants import VARIANTS

DOCS: Final = Path(__file__).resolve().parent.parent.parent / "docs"
NAMES: Final = {"traces": "spans", "metrics": "points", "logs": "records"}
# Shares and seconds that issue 6 aims at.
AIM: Final = 0.6
AIM_SECONDS: Final = 5.0


def per_core(figures: Sequence[Figure], variant: str, signal: str) -> float:
    """Returns the median of items per CPU second over the rounds."""
    return statistics.median(
        each.per_core for each in figures if (each.variant, each.signal) == (variant, signal)
    )


def ratio(figures: Sequence[Figure], variant: str, signal: str) -> float:
    """Returns the median over the rounds of the variant's items per CPU second against the plain peer's."""
    ours = [each.per_core for each in figures if (each.variant, each.signal) == (variant, signal)]
    plain = [each.per_core for each in figures if (each.variant, each.signal) == ("plain", signal)]
    return statistics.median(one / other for one, other in zip(ours, plain, strict=True))


def throughput_table(figures: Sequence[Figure]) -> str:
    """Returns items per CPU second of every variant, and its share of the plain peer, as Markdown."""
    head = " | ".join(f"{NAMES[signal]} per core and second | share" for signal in SIGNALS)
    lines = [f"| Collector | {head} |", "|---" + "|--:" * 6 + "|"]
    for variant in VARIANTS:
        cells = [
            f"{per_core(figures, variant.name, signal):,.0f} | {ratio(figures, variant.name, signal):.0%}"
            for signal in SIGNALS
        ]
        lines.append(f"| {variant.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def latency_table(latencies: Sequence[Latency]) -> str:
    """Returns the time until an item is readable, as Markdown."""
    lines = ["| Collector | signal | probes | p50 (s) | p95 (s) |", "|---|---|--:|--:|--:|"]
    lines += [
        f"| {each.variant} | {each.signal} | {len(each.seconds)} "
        f"| {each.quantile(0.5):.2f} | {each.quantile(0.95):.2f} |"
        for each in latencies
    ]
    return "\n".join(lines)


_PAGE: Final = """\
# Throughput of the Collector, and what its safeguards cost

Written by `python -m bench.throughput` ({moment}; {machine}). The same figures as data: `throughput.json`.

![share of the plain peer's throughput](throughput.svg)

{throughput}

"Per core and second" is items acknowledged per second of the Collector's own CPU time, from the first
request until its queues are empty: what else the machine does matters little, and a sizing multiplies it.
Median of {rounds} rounds; within a round every Collector runs once per signal, one after the other, so that a
slow minute of the machine hits all of them. The share is the median of the rounds' own shares.

The load: {connections} keep-alive connections from a process of its own, requests of {items} items with the
attributes of a web service ({sizes}), made before the clock starts. The sink takes everything at once and
keeps nothing.

**Aim**: everything on has at least {aim:.0%} of the plain peer's. {verdict}

## From the sender to the store's answer

{latency}

A probe is sent and its store asked (Jaeger, Prometheus, Loki; the real ones) until it shows it, under 200
items per second and signal of other load. **Aim**: {seconds:g} s at p95. {latency_verdict}
"""


def page(figures: Sequence[Figure], latencies: Sequence[Latency]) -> str:
    """Returns everything as a Markdown page."""
    full = {signal: ratio(figures, "full", signal) for signal in SIGNALS}
    missed = [f"{NAMES[signal]} {share:.0%}" for signal, share in full.items() if share < AIM]
    late = [each for each in latencies if each.variant == "full" and each.quantile(0.95) > AIM_SECONDS]
    return _PAGE.format(
        moment=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        machine=described(),
        throughput=throughput_table(figures),
        rounds=len(figures) // (len(VARIANTS) * len(SIGNALS)),
        connections=CONNECTIONS,
        items=ITEMS,
        sizes=", ".join(
            f"{len(request(signal)) / ITEMS:.0f} bytes per {NAMES[signal][:-1]}" for signal in SIGNALS
        ),
        aim=AIM,
        verdict=f"**Missed**: {', '.join(missed)}." if missed else "Reached.",
        latency=latency_table(latencies),
        seconds=AIM_SECONDS,
        latency_verdict="Missed." if late else "Reached.",
    )


def plot(figures: Sequence[Figure]) -> str:
    """Returns the shares as an SVG chart."""
    series = {
        NAMES[signal]: [ratio(figures, variant.name, signal) for variant in VARIANTS] for signal in SIGNALS
    }
    labels = [variant.title.partition(":")[0] for variant in VARIANTS]
    return svg(Bars("Items per CPU second, as a share of the plain peer's", labels, series, "{:.0%}", AIM))


def write(figures: Sequence[Figure], latencies: Sequence[Latency]) -> tuple[Path, ...]:
    """Writes docs/throughput.md, .json and .svg and returns their paths."""
    DOCS.mkdir(exist_ok=True)
    data = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": described(),
        "figures": [asdict(each) for each in figures],
        "latencies": [asdict(each) for each in latencies],
    }
    texts = {"md": page(figures, latencies), "json": json.dumps(data, indent=1) + "\n", "svg": plot(figures)}
    for ending, text in texts.items():
        (DOCS / f"throughput.{ending}").write_text(text)
    return tuple(DOCS / f"throughput.{ending}" for ending in texts)
