"""Compares the figures of several Collectors, always within a round."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.ledger.items import SIGNALS
from bench.throughput.measure import Figure

NAMES: Final = {"traces": "spans", "metrics": "points", "logs": "records"}
_MICRO: Final = 1e6


@dataclass(frozen=True, slots=True)
class Safeguard:
    """A safeguard's cost: the difference between two Collectors that are otherwise identical.

    Args:
        title: for the report.
        dearer: the variant that has it.
        cheaper: the variant that does not.
    """

    title: str
    dearer: str
    cheaper: str


SAFEGUARDS: Final = (
    Safeguard("bounds and redaction in one pass, by `mask`", "full", "no-redaction"),
    Safeguard("the same with stock processors", "stock", "no-redaction"),
    Safeguard("of which redaction: patterns for keys and values", "stock", "bounds"),
    Safeguard("of which bounds: limits, truncation, texts to redaction and back", "bounds", "no-redaction"),
    Safeguard("disk queue, with fsync", "no-redaction", "bare"),
    Safeguard("of which fsync", "full", "no-fsync"),
    Safeguard("all: everything on, minus the same components without them", "full", "bare"),
)


def per_core(figures: Sequence[Figure], variant: str, signal: str) -> float:
    """Returns the median of items per CPU second over the rounds."""
    return statistics.median(each.per_core for each in _of(figures, variant, signal))


def micros(figures: Sequence[Figure], variant: str, signal: str) -> float:
    """Returns the median of CPU microseconds per item over the rounds."""
    return statistics.median(_MICRO / each.per_core for each in _of(figures, variant, signal))


def ratio(figures: Sequence[Figure], variant: str, signal: str, peer: str = "plain") -> float:
    """Returns the median over the rounds of the variant's items per CPU second against the peer's."""
    pairs = zip(_of(figures, variant, signal), _of(figures, peer, signal), strict=True)
    return statistics.median(one.per_core / other.per_core for one, other in pairs)


def cost(figures: Sequence[Figure], safeguard: Safeguard, signal: str) -> list[float]:
    """Returns the safeguard's CPU microseconds per item in each round, in ascending order."""
    dearer, cheaper = _of(figures, safeguard.dearer, signal), _of(figures, safeguard.cheaper, signal)
    pairs = zip(dearer, cheaper, strict=True)
    return sorted(_MICRO / one.per_core - _MICRO / other.per_core for one, other in pairs)


def cost_table(figures: Sequence[Figure]) -> str:
    """Returns each safeguard's cost per item and signal, as Markdown."""
    head = " | ".join(f"µs per {NAMES[signal][:-1]}" for signal in SIGNALS)
    lines = [f"| safeguard | {head} |", "|---" + "|--:" * len(SIGNALS) + "|"]
    for safeguard in SAFEGUARDS:
        cells = [_spread(cost(figures, safeguard, signal)) for signal in SIGNALS]
        lines.append(f"| {safeguard.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _of(figures: Sequence[Figure], variant: str, signal: str) -> list[Figure]:
    return [each for each in figures if (each.variant, each.signal) == (variant, signal)]


def _spread(rounds: Sequence[float]) -> str:
    return f"{statistics.median(rounds):,.0f} ({rounds[0]:,.0f} to {rounds[-1]:,.0f})"
