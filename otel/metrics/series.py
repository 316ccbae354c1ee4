"""The state of one series: a number, or the buckets of a histogram with an exemplar each."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from otel.metrics.attributes import AttributeKey


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A sample measurement of a bucket: `value` at `time_unix_nano` inside a sampled span."""

    value: float
    time_unix_nano: int
    trace_id: int
    span_id: int


@dataclass(frozen=True, slots=True)
class NumberSnapshot:
    """A series' value when read; times are nanoseconds since the epoch."""

    attributes: AttributeKey
    start_unix_nano: int
    value: float


@dataclass(frozen=True, slots=True)
class HistogramSnapshot:
    """A histogram series when read; `counts` has one more entry than the bounds."""

    attributes: AttributeKey
    start_unix_nano: int
    counts: tuple[int, ...]
    total: float
    smallest: float
    largest: float
    exemplars: tuple[Exemplar, ...]


Snapshot = NumberSnapshot | HistogramSnapshot


class NumberPoint:
    """A sum or a last value; changed under its instrument's lock."""

    __slots__ = ("attributes", "start_unix_nano", "value")

    def __init__(self, attributes: AttributeKey) -> None:
        self.attributes = attributes
        self.start_unix_nano = time.time_ns()
        self.value: float = 0

    def snapshot(self, *, take_exemplars: bool) -> NumberSnapshot:  # noqa: ARG002 - same call as a histogram's
        """Copies the value."""
        return NumberSnapshot(self.attributes, self.start_unix_nano, self.value)


class HistogramPoint:
    """Bucket counts, sum, extremes and the last sampled measurement of each bucket."""

    __slots__ = (
        "attributes",
        "counts",
        "exemplars",
        "exported",
        "largest",
        "smallest",
        "start_unix_nano",
        "total",
    )

    def __init__(self, attributes: AttributeKey, buckets: int) -> None:
        self.attributes = attributes
        self.start_unix_nano = time.time_ns()
        self.counts = [0] * buckets
        self.total: float = 0
        self.smallest = math.inf
        self.largest = -math.inf
        self.exemplars: dict[int, tuple[float, int, int, int]] = {}
        self.exported: dict[int, tuple[float, int, int, int]] = {}

    def count(self, bucket: int, amount: float, exemplar: tuple[float, int, int, int] | None) -> None:
        """Adds one measurement; the caller holds the lock."""
        self.counts[bucket] += 1
        self.total += amount
        if amount < self.smallest:  # noqa: PLR1730 - min() costs three times the comparison
            self.smallest = amount
        if amount > self.largest:  # noqa: PLR1730 - as above
            self.largest = amount
        if exemplar is not None:
            self.exemplars[bucket] = exemplar

    def snapshot(self, *, take_exemplars: bool) -> HistogramSnapshot:
        """Copies the state; `take_exemplars` starts a new period for them, as an export does.

        Without it there are also the last ones of earlier periods, so that a scrape may come at any time.
        """
        found = self.exemplars if take_exemplars else {**self.exported, **self.exemplars}
        exemplars = tuple(Exemplar(*found[bucket]) for bucket in sorted(found))
        if take_exemplars:
            self.exported.update(self.exemplars)
            self.exemplars.clear()
        return HistogramSnapshot(
            self.attributes,
            self.start_unix_nano,
            tuple(self.counts),
            self.total,
            self.smallest,
            self.largest,
            exemplars,
        )
