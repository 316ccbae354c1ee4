"""Counts what a run measured: per action how often, with which outcome and how long it took."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from enum import StrEnum

from rich.table import Table

from stack.demo.plan import Action


class Outcome(StrEnum):
    """How a request ended."""

    DONE = "done"
    REFUSED = "refused"  # as the plan expects, such as a full course or a wrong password
    FAILED = "failed"  # planned: the demo endpoint fails now and then
    WRONG = "wrong"  # nothing in the plan explains it


class Tally:
    """Counts requests and keeps their durations."""

    def __init__(self) -> None:
        self._counts: dict[Action, Counter[Outcome]] = defaultdict(Counter)
        self._seconds: dict[Action, list[float]] = defaultdict(list)
        self._examples: list[str] = []

    def add(self, action: Action, outcome: Outcome, seconds: float, answer: str = "") -> None:
        """Counts one request; ``answer`` is what came back, kept if the outcome is WRONG."""
        self._counts[action][outcome] += 1
        self._seconds[action].append(seconds)
        if outcome is Outcome.WRONG and answer not in self._examples:
            self._examples.append(answer)

    @property
    def requests(self) -> int:
        """How many requests were counted."""
        return sum(counts.total() for counts in self._counts.values())

    def count(self, action: Action, outcome: Outcome) -> int:
        """Returns how often an action had this outcome."""
        return self._counts[action][outcome] if action in self._counts else 0

    @property
    def wrong(self) -> int:
        """How many requests ended in a way that nothing in the plan explains."""
        return sum(counts[Outcome.WRONG] for counts in self._counts.values())

    def examples(self, most: int = 5) -> list[str]:
        """Returns the first distinct wrong answers."""
        return self._examples[:most]

    def table(self) -> Table:
        """Returns the summary, in the order of a learner's life."""
        table = Table(title="What the learners did", title_justify="left", box=None, pad_edge=False)
        table.add_column("action")
        for heading in ("requests", *Outcome, "p50 ms", "p95 ms"):
            table.add_column(heading, justify="right")
        for action in Action:
            if action in self._counts:
                self._row(table, action)
        return table

    def _row(self, table: Table, action: Action) -> None:
        counts, seconds = self._counts[action], self._seconds[action]
        times = [f"{percentile(seconds, share) * 1000:.0f}" for share in (0.5, 0.95)]
        table.add_row(action, str(counts.total()), *(str(counts[outcome]) for outcome in Outcome), *times)


def percentile(values: Sequence[float], share: float) -> float:
    """Returns the smallest value that at least a ``share`` (0 to 1) of all do not exceed: nearest rank."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
