"""Figures of a period from two sources with one interface: Prometheus, or this process alone."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate
from typing import Literal, Protocol

from app.infra.stores import Prometheus
from app.infra.stores.prometheus import Sample
from app.infra.stores.queries import selector
from otel import Buckets, MetricFamily

Key = tuple[str, ...]
"""The values of the labels that were asked for, in that order; empty if a series has no such label."""

Scope = Literal["platform", "process"]


class Figures(Protocol):
    """The figures of a period, by labels; metrics are named as in Prometheus."""

    @property
    def scope(self) -> Scope:
        """Whose figures these are."""

    @property
    def seconds(self) -> float:
        """The length of the period."""

    async def histograms(
        self, name: str, by: Sequence[str], where: Mapping[str, str] | None = None
    ) -> dict[Key, Buckets]:
        """Returns what a histogram measured in the period."""

    async def increases(
        self, name: str, by: Sequence[str], where: Mapping[str, str] | None = None
    ) -> dict[Key, float]:
        """Returns by how much a counter grew in the period."""

    async def levels(
        self, name: str, by: Sequence[str], *, how: Literal["sum", "max"] = "sum"
    ) -> dict[Key, float]:
        """Returns a gauge's present values, added up or the largest."""


@dataclass(frozen=True, slots=True)
class PrometheusFigures:
    """What Prometheus knows of all processes of the platform: the ``window`` that ends ``before`` now."""

    prometheus: Prometheus
    service: str
    window: timedelta
    before: timedelta = timedelta()
    scope: Scope = "platform"

    @property
    def seconds(self) -> float:
        """The length of the window."""
        return self.window.total_seconds()

    async def histograms(
        self, name: str, by: Sequence[str], where: Mapping[str, str] | None = None
    ) -> dict[Key, Buckets]:
        """Returns what a histogram measured in the window.

        Raises:
            StoreUnavailable: Prometheus does not answer.
        """
        bounds: dict[Key, dict[float, float]] = defaultdict(lambda: defaultdict(float))
        for sample in await self._grown(f"{name}_bucket", (*by, "le"), where):
            bounds[_key(sample.labels, by)][float(sample.labels.get("le", "nan"))] += sample.value
        sums = await self.increases(f"{name}_sum", by, where)
        return {key: Buckets(_rising(found), sums.get(key, 0.0)) for key, found in bounds.items()}

    async def increases(
        self, name: str, by: Sequence[str], where: Mapping[str, str] | None = None
    ) -> dict[Key, float]:
        """Returns by how much a counter grew in the window.

        Raises:
            StoreUnavailable: Prometheus does not answer.
        """
        found = await self._grown(name, by, where)
        return {_key(sample.labels, by): sample.value for sample in found}

    async def levels(
        self, name: str, by: Sequence[str], *, how: Literal["sum", "max"] = "sum"
    ) -> dict[Key, float]:
        """Returns a gauge's present values, added up or the largest.

        Raises:
            StoreUnavailable: Prometheus does not answer.
        """
        found = await self._asked(how, by, selector(name, {"service_name": self.service}))
        return {_key(sample.labels, by): sample.value for sample in found}

    async def _grown(self, name: str, by: Sequence[str], where: Mapping[str, str] | None) -> list[Sample]:
        chosen = {"service_name": self.service, **(where or {})}
        back = int(self.before.total_seconds())
        offset = f"{back}s" if back else ""
        inner = selector(name, chosen, window=f"{int(self.seconds)}s", offset=offset)
        return await self._asked("sum", by, f"increase({inner})")

    async def _asked(self, how: Literal["sum", "max"], by: Sequence[str], inner: str) -> list[Sample]:
        # `by` has names from our own code alone.
        found = await self.prometheus.query(f"{how} by ({', '.join(by)}) ({inner})")
        return [sample for sample in found if math.isfinite(sample.value)]


class ProcessFigures:
    """What this process has measured in the ``seconds`` since it started."""

    scope: Scope = "process"

    def __init__(self, families: Iterable[MetricFamily], seconds: float) -> None:
        self._families = {family.name: family for family in families}
        self.seconds = max(seconds, 1.0)

    async def histograms(
        self, name: str, by: Sequence[str], where: Mapping[str, str] | None = None
    ) -> dict[Key, Buckets]:
        """Returns what a histogram measured since the start."""
        found: dict[Key, Buckets] = {}
        for labels, value in self._series(name, where):
            if isinstance(value, Buckets):
                key = _key(labels, by)
                found[key] = _added(found[key], value) if key in found else value
        return found

    async def increases(
        self, name: str, by: Sequence[str], where: Mapping[str, str] | None = None
    ) -> dict[Key, float]:
        """Returns a counter's values, or a histogram's number of measurements if the name ends in _count."""
        family, _, ending = name.rpartition("_")
        if name not in self._families and ending in {"count", "sum"}:
            found = await self.histograms(family, by, where)
            return {key: each.count if ending == "count" else each.total for key, each in found.items()}
        added: dict[Key, float] = defaultdict(float)
        for key, value in self._numbers(name, by, where):
            added[key] += value
        return dict(added)

    async def levels(
        self, name: str, by: Sequence[str], *, how: Literal["sum", "max"] = "sum"
    ) -> dict[Key, float]:
        """Returns a gauge's present values, added up or the largest."""
        found: dict[Key, list[float]] = defaultdict(list)
        for key, value in self._numbers(name, by, None):
            found[key].append(value)
        return {key: sum(values) if how == "sum" else max(values) for key, values in found.items()}

    def _numbers(
        self, name: str, by: Sequence[str], where: Mapping[str, str] | None
    ) -> list[tuple[Key, float]]:
        return [
            (_key(labels, by), value)
            for labels, value in self._series(name, where)
            if not isinstance(value, Buckets)
        ]

    def _series(
        self, name: str, where: Mapping[str, str] | None
    ) -> list[tuple[Mapping[str, str], float | Buckets]]:
        family = self._families.get(name)
        wanted = (where or {}).items()
        found = family.series if family else ()
        return [(each.labels, each.value) for each in found if wanted <= each.labels.items()]


def quantile(found: Buckets, share: float) -> float | None:
    """Returns the value below which ``share`` of the measurements are, as PromQL's histogram_quantile does.

    It is interpolated within its bucket; beyond the last finite bound it is that bound. None without any
    measurements.
    """
    count = found.count
    if not count > 0:
        return None
    rank, lower, below = share * count, 0.0, 0.0
    for bound, cumulative in found.bounds:
        if cumulative >= rank:
            if math.isinf(bound):
                return lower
            inside = cumulative - below
            return lower + (bound - lower) * ((rank - below) / inside if inside > 0 else 1.0)
        lower, below = bound, cumulative
    return lower


def _rising(found: Mapping[float, float]) -> tuple[tuple[float, float], ...]:
    # Each bucket's increase is extrapolated by itself, so one may be slightly below the one before.
    bounds = sorted(found)
    return tuple(zip(bounds, accumulate((found[bound] for bound in bounds), max), strict=True))


def _key(labels: Mapping[str, str], by: Sequence[str]) -> Key:
    return tuple(labels.get(name, "") for name in by)


def _added(one: Buckets, other: Buckets) -> Buckets:
    # Series of one metric have the same bounds.
    pairs = zip(one.bounds, other.bounds, strict=True)
    bounds = tuple((bound, first + second) for (bound, first), (_, second) in pairs)
    return Buckets(bounds, one.total + other.total)
