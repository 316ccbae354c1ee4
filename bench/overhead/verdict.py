"""The aims of the benchmark, and whether a measurement meets them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.overhead.figures import Series
from bench.overhead.variants import COPIED, LOGFIRE, OURS

MOST_ROUTES: Final = 100
_THIRD: Final = 1 / 3
_KEPT: Final = 0.85


@dataclass(frozen=True, slots=True)
class Aim:
    """One aim: the measured value, the bound, and whether more or less is better."""

    sentence: str
    found: float
    bound: float
    at_most: bool

    @property
    def reached(self) -> bool:
        """Returns whether the measurement meets it."""
        return self.found <= self.bound if self.at_most else self.found >= self.bound


def aims(measured: Sequence[Series]) -> list[Aim]:
    """Returns the aims that can be judged from the measured variants."""
    found: list[Aim] = []
    for series in measured:
        if series.routes != MOST_ROUTES or OURS not in series.rounds:
            continue
        if series.served:
            sentence = (
                "share of the bare application's throughput that ours keeps, over uvicorn with a database"
            )
            found.append(Aim(sentence, series.throughput_share(OURS), _KEPT, at_most=False))
            continue
        found += [
            Aim(f"our overhead as a share of {name}'s, in-process", share, _THIRD, at_most=True)
            for name, share in _shares(series)
        ]
    return found


def _shares(series: Series) -> list[tuple[str, float]]:
    titles = {COPIED: "the copied stack", LOGFIRE: "logfire"}
    return [
        (title, series.share_of_overhead(OURS, name))
        for name, title in titles.items()
        if name in series.rounds
    ]
