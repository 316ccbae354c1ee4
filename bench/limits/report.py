"""Writes docs/benchmarks/limits.md, .json and .svg."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

from bench.bars import Bars, svg
from bench.limits.child import MEMORY_HITS
from bench.limits.contestants import CONTESTANTS
from bench.limits.measure import NONE, Measured
from bench.machine import described

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "benchmarks"
NAMES: Final = {
    "ours": "ours",
    "limits": "limits 5.8.0, with headers",
    "limits-no-headers": "limits 5.8.0, no headers",
    "slowapi": "slowapi 0.1.10",
}
_PEERS: Final = tuple(name for name in NAMES if name != "ours")
_MICRO: Final = 1e6
_AIM_RATIO: Final = 2.0
_AIM_CPU: Final = 150e-6

_HEAD: Final = """\
# What the rate limiter costs

Written by `python -m bench.limits` ({moment}; {machine}; {load} before the run; CPython {python}). The
rounds are in `limits.json`.

![Decisions a second](limits.svg)

{verdicts}

## How to read it

- The same three rules for everyone: requests of one address, of one user and of everybody within a minute,
  on one Redis without persistence. Each limiter runs in its own process with the same packages;
  {rounds} interleaved rounds (A B C, A B C, ...); figures are medians over the rounds, ratios are computed
  within each round first.
- `limits` is its moving window over asynchronous Redis (redis-py), each rule hit in turn; "with headers"
  also asks what is left of each rule, which our script answers with the decision. slowapi hits each rule
  synchronously in the event loop, as its decorator does, and asks for the state of one rule.
- CPU is that of the limiter's process per decision, system calls included. It grows on a busy machine:
  compare ratios.
- Edge: 64 clients ask without a pause for five seconds, with a limit of {limit} a second. "Most in a second"
  counts requests that were both sent and answered within one second: above the limit is proof of a
  mistake, below proves nothing. Ours is proven exact by the times in Redis
  (`tests/app/infra/rate_limits/test_exactness.py`).
- Memory: Redis' `MEMORY USAGE` per key with {hits} requests counted per address and user. A sorted set with
  unique members takes more than a list of times: that is the price of several windows on one key.
- Commands include those that scripts call inside Redis; round trips are what the process waits for.

"""


def verdicts(found: Measured) -> list[str]:
    """Returns a sentence for each aim."""
    best = max(_PEERS, key=lambda name: _median(found.speed[name], "per_second"))
    ratio = _ratio(found.speed, best)
    cpu = _median(found.alone["ours"], "cpu")
    most, limit = found.once["edge"]["ours"]["most"], found.once["edge"]["ours"]["limit"]
    crowd, bare = _median(found.speed["ours"], "cpu"), _median(found.ping, "cpu")
    sentences = {
        f"Decisions a second: {ratio:.1f} times those of the fastest peer ({NAMES[best]}); "
        f"aim {_AIM_RATIO:g}": ratio >= _AIM_RATIO,
        f"CPU time of a decision: {cpu * _MICRO:.0f} µs for one client, {crowd * _MICRO:.0f} µs with 64 "
        f"(a PING by redis-py, which decides nothing: {bare * _MICRO:.0f} µs); "
        f"aim {_AIM_CPU * _MICRO:.0f}": cpu <= _AIM_CPU,
        f"Most admitted within a second at the window's edge: {most:g} of {limit:g}": most <= limit,
    }
    return [f"- {text}: {'met' if is_met else '**missed**'}." for text, is_met in sentences.items()]


def write(found: Measured, load: str, folder: Path) -> list[Path]:
    """Writes page, data and plot; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    head = _HEAD.format(
        moment=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        machine=described(),
        load=load,
        python=platform.python_version(),
        verdicts="\n".join(verdicts(found)),
        rounds=found.rounds,
        limit=f"{found.once['edge']['ours']['limit']:g}",
        hits=MEMORY_HITS,
    )
    chart = Bars(
        "Decisions a second by three rules, 64 clients",
        [NAMES[name] for name in CONTESTANTS],
        {"decisions/s": [_median(found.speed[name], "per_second") for name in CONTESTANTS]},
        "{:,.0f}",
    )
    texts = {
        "limits.md": head + _tables(found),
        "limits.json": json.dumps(asdict(found), indent=1) + "\n",
        "limits.svg": svg(chart),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def _tables(found: Measured) -> str:
    return "\n".join(
        [
            f"## Decisions\n\n{_decisions(found)}",
            f"## Added to a request over uvicorn\n\n{_served(found)}",
            f"## In Redis, for each decision\n\n{_in_redis(found)}",
        ]
    )


def _decisions(found: Measured) -> str:
    head = ("limiter", "decisions/s, 64 clients", "ours : it", "CPU µs, 64 clients", "CPU µs, 1 client")
    rows = [
        (
            NAMES[name],
            f"{_median(found.speed[name], 'per_second'):,.0f}",
            f"{_ratio(found.speed, name):.1f}",
            f"{_median(found.speed[name], 'cpu') * _MICRO:.0f}",
            f"{_median(found.alone[name], 'cpu') * _MICRO:.0f}",
        )
        for name in CONTESTANTS
    ]
    return _table(head, rows)


def _served(found: Measured) -> str:
    bare = found.served[NONE]
    p50, p99 = (f"{_median(bare, quantile) * 1000:.2f} ms" for quantile in ("p50", "p99"))
    without = f"Without a limiter: p50 {p50}, p99 {p99}, {_median(bare, 'per_second'):,.0f} requests/s"
    rows = [
        (
            NAMES[name],
            *(f"{_added(found, name, quantile) * 1000:+.2f}" for quantile in ("p50", "p99")),
            f"{_median(found.served[name], 'per_second'):,.0f}",
        )
        for name in CONTESTANTS
    ]
    table = _table(("limiter", "added to p50, ms", "added to p99, ms", "requests/s"), rows)
    return f"{without}, over eight connections.\n\n{table}"


def _in_redis(found: Measured) -> str:
    head = ("limiter", "round trips", "commands", "bytes per key", "most in a second", "admitted in 5 s")
    counted, held, edge = (found.once[task] for task in ("commands", "memory", "edge"))
    rows = [
        (
            NAMES[name],
            f"{counted[name]['trips']:g}",
            f"{counted[name]['commands']:.0f}",
            f"{held[name]['per_key']:,.0f}",
            f"{edge[name]['most']:g}",
            f"{edge[name]['admitted']:g}",
        )
        for name in CONTESTANTS
    ]
    return _table(head, rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _median(rounds: Sequence[Mapping[str, float]], figure: str) -> float:
    return median(each[figure] for each in rounds)


def _ratio(rounds: Mapping[str, Sequence[Mapping[str, float]]], name: str) -> float:
    pairs = zip(rounds["ours"], rounds[name], strict=True)
    return median(ours["per_second"] / theirs["per_second"] for ours, theirs in pairs)


def _added(found: Measured, name: str, quantile: str) -> float:
    pairs = zip(found.served[name], found.served[NONE], strict=True)
    return median(limited[quantile] - bare[quantile] for limited, bare in pairs)
