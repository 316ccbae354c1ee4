"""What Prometheus remembers of alerts: when they were pending, when they fired, when that ended.

The samples of ``ALERTS`` have the times of the rules' evaluations, which are those that Alertmanager and its
notifications have too, to the millisecond. So an alert that nobody recorded while it fired gets the same id
as if somebody had.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Final

from app.infra.stores.client import StoreUnavailable
from app.infra.stores.prometheus import Prometheus, Series
from app.infra.stores.queries import selector
from app.monitoring.alerts.records import fingerprint_of

OVERLAP: Final = timedelta(minutes=5)
"""How much of what was read before is read again: samples may arrive late, and a run needs its beginning."""
_CHUNK: Final = 6 * 3600.0
_SHORTEST_CHUNK: Final = 60.0
_MOST_POINTS: Final = 250_000
"""Samples of one look: more would hold up requests; the next look continues."""
_USUAL_INTERVAL: Final = 15.0
_MISSED: Final = 2.5
_GAP: Final = 1.5
_OURS: Final = frozenset({"__name__", "alertstate"})
_Labels = tuple[tuple[str, str], ...]
_Points = dict[tuple[str, _Labels], dict[float, float]]


@dataclass(frozen=True, slots=True)
class Episode:
    """An alert that fired: from the first evaluation that found it until the first one that did not.

    ``begin`` is None if it fired already when the samples begin, ``end`` if it still does. ``gaps`` are too
    short to end it: an evaluation was missed, or did not find it. By the moment at which each is over, they
    say when the first sample is missing.
    """

    fingerprint: str
    labels: dict[str, str]
    pending_at: datetime | None
    begin: datetime | None
    last: datetime
    end: datetime | None
    gaps: Mapping[datetime, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What Prometheus remembers up to ``now``: its own time, or before if there was too much to read."""

    episodes: tuple[Episode, ...]
    now: datetime
    is_complete: bool = True


async def remembered(prometheus: Prometheus, since: datetime, most: int = _MOST_POINTS) -> Remembered:
    """Returns the alerts that fired since a moment, read in parts of at most six hours, the oldest first.

    After about ``most`` samples, or where Prometheus fails after the first part, it is not complete: the next
    time continues there. A part whose answer is too large is read in halves.

    Raises:
        StoreUnavailable: Prometheus does not answer.
    """
    [clock] = await prometheus.query("time()")
    begin = min(since.timestamp(), clock.value - 1)
    least, width, count = begin + 2 * OVERLAP.total_seconds(), _CHUNK, 0
    points: _Points = {}
    while begin < clock.value and (count < most or begin <= least):
        end = min(begin + width, clock.value)
        try:
            count += await _read(prometheus, begin, end, points)
        except StoreUnavailable as error:
            if error.is_too_large and width > _SHORTEST_CHUNK:
                width /= 2
                continue
            if begin <= least or error.is_too_large:
                raise
            break
        begin = end
    episodes = tuple(_episodes(points, begin, since.timestamp()))
    return Remembered(episodes, _moment(begin), is_complete=begin >= clock.value)


async def _read(prometheus: Prometheus, begin: float, end: float, points: _Points) -> int:
    """Adds the samples between two moments to ``points``, and returns how many."""
    asked = selector("ALERTS", window=f"{int(end - begin) + 2}s")
    found = await prometheus.samples(asked, _moment(end))
    for series in found:
        points.setdefault(_identity(series), {}).update(series.points)
    return sum(len(series.points) for series in found)


def _identity(series: Series) -> tuple[str, _Labels]:
    own = ((name, value) for name, value in series.labels.items() if name not in _OURS)
    return series.labels.get("alertstate", ""), tuple(sorted(own))


def _episodes(points: _Points, now: float, since: float) -> Iterator[Episode]:
    usual = _interval([list(each) for each in points.values()], _USUAL_INTERVAL)
    for (state, labels), samples in points.items():
        if state != "firing":
            continue
        times = sorted(samples)
        interval = _interval([times], usual)
        waits = [(run[0], run[-1]) for run in _runs(sorted(points.get(("pending", labels), ())), interval)]
        fingerprint = fingerprint_of(dict(labels))
        for run in _runs(times, interval):
            first, last = run[0], run[-1]
            pending = next((begin for begin, end in waits if 0 < first - end <= _MISSED * interval), None)
            ended = now - last > _MISSED * interval
            yield Episode(
                fingerprint,
                dict(labels),
                None if pending is None else _moment(pending),
                # The samples before may have been left out.
                _moment(first) if first - since > _MISSED * interval or pending else None,
                _moment(last),
                _moment(last + interval) if ended else None,
                _gaps(run, interval),
            )


def _interval(series: Sequence[Sequence[float]], otherwise: float) -> float:
    """Returns the usual time between two evaluations."""
    gaps = [later - earlier for each in map(sorted, series) for earlier, later in pairwise(each)]
    return median(gaps) if len(gaps) > 1 else otherwise


def _gaps(run: Sequence[float], interval: float) -> dict[datetime, datetime]:
    apart = ((earlier, later) for earlier, later in pairwise(run) if later - earlier > _GAP * interval)
    return {_moment(later): _moment(earlier + interval) for earlier, later in apart}


def _runs(times: Sequence[float], interval: float) -> Iterator[list[float]]:
    """Yields the times of each run without a long gap."""
    run: list[float] = []
    for each in times:
        if run and each - run[-1] > _MISSED * interval:
            yield run
            run = []
        run.append(each)
    if run:
        yield run


def _moment(seconds: float) -> datetime:
    # Through whole milliseconds: a float of seconds may be a little less.
    return datetime.fromtimestamp(round(seconds * 1000) // 1000, UTC) + timedelta(
        milliseconds=round(seconds * 1000) % 1000
    )
