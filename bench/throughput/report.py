"""Writes the throughput figures as a page, as data and as a plot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.bars import Bars, svg
from bench.ledger.items import SIGNALS
from bench.machine import described
from bench.throughput import sizing
from bench.throughput.compare import NAMES, cost_table, micros, per_core, ratio
from bench.throughput.latency import Latency
from bench.throughput.measure import CONNECTIONS, Figure
from bench.throughput.payloads import ITEMS, request
from bench.throughput.variants import VARIANTS

DOCS: Final = Path(__file__).resolve().parent.parent.parent / "docs"
# The plain peer's share of spans, the multiple of the stock chain, and the seconds that the project aims at.
AIM: Final = 0.4
AIM_TIMES: Final = 5.0
AIM_SECONDS: Final = 5.0


def throughput_table(figures: Sequence[Figure]) -> str:
    """Returns each variant's items per CPU second, µs each, and share of the plain peer's, as Markdown."""
    head = " | ".join(f"{NAMES[signal]} per core and second | µs each | share" for signal in SIGNALS)
    lines = [f"| Collector | {head} |", "|---" + "|--:" * 9 + "|"]
    for variant in VARIANTS:
        cells = [
            f"{per_core(figures, variant.name, signal):,.0f} | {micros(figures, variant.name, signal):.0f} "
            f"| {ratio(figures, variant.name, signal):.0%}"
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

Written by `python -m bench.throughput` ({moment}; {machine}; {load_before:.1f} before the run).
The same figures as data: `throughput.json`.

![share of the plain peer's throughput](throughput.svg)

{throughput}

"Per core and second" is items acknowledged per second of the Collector's own CPU time, from the first
request until its queues are empty, so other load on the machine matters little, and it scales with the cores.
Median of {rounds} rounds; within a round every Collector runs once per signal, one after the other, so that a
slow minute of the machine hits all of them. The share is the median of the rounds' own shares, "µs each" is
CPU microseconds per item. The plain peer compresses what it sends, the exporters' default; ours does not: the
row without gzip compares like with like. All run with `GOGC=400` and 400 MiB, except that those without a
disk queue have 6 GiB: they keep the backlog in memory, and with 400 MiB garbage collection takes two thirds
of their time.

The load: {connections} keep-alive connections from a separate process, requests of {items} items with the
attributes of a web service ({sizes}), built before the clock starts. The sink accepts everything at once and
stores nothing.

**Aim**: everything on reaches at least {aim:.0%} of the plain peer's spans, and {times:g} times what the
stock chain carries. {verdict} Against the plain peer without gzip: {like}; against the stock chain: {stock}.

## What each safeguard costs

{costs}

CPU microseconds per item: the difference within a round between two of the Collectors above that differ in
nothing else; median of the rounds (lowest to highest). A cost whose range includes 0 is lost in the noise.
Why redaction costs this much, and what was tried: [sizing.md](sizing.md).

## From the sender to the store's query result

{latency}

A probe is sent, and its store (the real Jaeger, Prometheus or VictoriaLogs) is queried until it returns it,
under a background load of 200 items per second and signal. **Aim**: {seconds:g} s at p95. {latency_verdict}
"""


def _shares(figures: Sequence[Figure], peer: str) -> dict[str, float]:
    return {NAMES[signal]: ratio(figures, "full", signal, peer) for signal in SIGNALS}


def _missed(figures: Sequence[Figure]) -> list[str]:
    share = ratio(figures, "full", "traces")
    times = ratio(figures, "full", "traces", "stock")
    found = [f"{share:.0%} of the plain peer's spans"] if share < AIM else []
    return found + ([f"{times:.1f} times the stock chain's spans"] if times < AIM_TIMES else [])


def page(figures: Sequence[Figure], latencies: Sequence[Latency], load_before: float) -> str:
    """Returns everything as a Markdown page; load_before is the machine's load average before the run."""
    missed = _missed(figures)
    late = [each for each in latencies if each.variant == "full" and each.quantile(0.95) > AIM_SECONDS]
    return _PAGE.format(
        moment=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        machine=described(),
        load_before=load_before,
        throughput=throughput_table(figures),
        rounds=len(figures) // (len(VARIANTS) * len(SIGNALS)),
        connections=CONNECTIONS,
        items=ITEMS,
        sizes=", ".join(
            f"{len(request(signal)) / ITEMS:.0f} bytes per {NAMES[signal][:-1]}" for signal in SIGNALS
        ),
        aim=AIM,
        times=AIM_TIMES,
        verdict=f"**Missed**: {', '.join(missed)}." if missed else "Reached.",
        like=", ".join(f"{name} {share:.0%}" for name, share in _shares(figures, "plain-no-gzip").items()),
        stock=", ".join(f"{name} {share:.1f} times" for name, share in _shares(figures, "stock").items()),
        costs=cost_table(figures),
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


def write(
    figures: Sequence[Figure], latencies: Sequence[Latency], load_before: float, folder: Path = DOCS
) -> tuple[Path, ...]:
    """Writes throughput.md, .json and .svg and sizing.md into the folder and returns their paths."""
    folder.mkdir(exist_ok=True)
    data = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": described(),
        "load_before": load_before,
        "figures": [asdict(each) for each in figures],
        "latencies": [asdict(each) for each in latencies],
    }
    texts = {
        folder / "throughput.md": page(figures, latencies, load_before),
        folder / "throughput.json": json.dumps(data, indent=1) + "\n",
        folder / "throughput.svg": plot(figures),
        folder / "sizing.md": sizing.page(figures),
    }
    for path, text in texts.items():
        path.write_text(text)
    return tuple(texts)
