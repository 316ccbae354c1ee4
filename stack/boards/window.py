"""The time that a board shows, and how finely: ranges such as ``now-1h`` and Grafana's intervals."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import yaml

from stack.settings import REPOSITORY

PROVISIONED: Final = REPOSITORY / "grafana" / "provisioning" / "datasources" / "datasources.yaml"
LONGEST: Final = 90 * 86400.0
SHORTEST: Final = 10.0
MOST_POINTS: Final = 2000
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION: Final = re.compile(r"(\d{1,6})([smhdw])")
_RELATIVE: Final = re.compile(r"now(?:-(\d{1,6})([smhdw]))?")
_ABSOLUTE: Final = re.compile(r"\d{10}(?:\d{3})?")
# What a person reads easily on an axis.
_ROUND: Final = (
    *(1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200),
    *(86400, 604800, 2592000),
)


class RangeError(ValueError):
    """No time range, or one that is too long, too short or the wrong way round."""


def seconds(duration: str) -> float:
    """Returns the seconds of a duration such as ``15s``, ``5m``, ``1h`` or ``7d``.

    Raises:
        RangeError: it is none.
    """
    match = _DURATION.fullmatch(duration)
    if match is None:
        raise RangeError(f"{duration!r} is no duration: write it like 30s, 5m, 1h or 7d.")
    return float(match[1]) * _UNITS[match[2]]


def duration(length: float) -> str:
    """Returns a duration in the largest unit in which it is whole: ``90s``, ``2m``, ``1d``."""
    whole = max(1, round(length))
    unit = next(unit for unit in ("d", "h", "m", "s") if whole % _UNITS[unit] == 0)
    return f"{whole // _UNITS[unit]}{unit}"


def moment(text: str, now: float) -> float:
    """Returns a time in seconds since the epoch: of ``now``, ``now-1h``, or of milliseconds as Grafana has.

    Raises:
        RangeError: it is none.
    """
    if match := _RELATIVE.fullmatch(text):
        return now - (float(match[1]) * _UNITS[match[2]] if match[1] else 0)
    if not _ABSOLUTE.fullmatch(text):
        raise RangeError(f"{text!r} is no time: write now, now-1h or milliseconds since the epoch.")
    return float(text) / (1 if len(text) == len("1700000000") else 1000)


@cache
def least_interval(path: Path = PROVISIONED) -> float:
    """Returns the shortest step that makes sense, in seconds: ``timeInterval`` of the provisioned source."""
    found = yaml.safe_load(path.read_text(encoding="utf-8"))["datasources"]
    [metrics] = [each for each in found if each["type"] == "prometheus"]
    return seconds(metrics["jsonData"]["timeInterval"])


@dataclass(frozen=True, slots=True)
class Window:
    """A time range in seconds since the epoch, and how many points a panel has room for.

    ``first`` and ``last`` are as somebody wrote them (``now-1h``), for links.
    """

    start: float
    end: float
    points: int = 600
    first: str = ""
    last: str = ""

    @classmethod
    def of(cls, first: str, last: str, *, now: float, points: int = 600) -> Window:
        """Returns the window between two times.

        Raises:
            RangeError: one is no time, or the range is not between 10 s and 90 days, or begins before 1970.
        """
        start, end = moment(first, now), moment(last, now)
        if start < 0:
            raise RangeError(f"From {first} to {last} cannot be shown: nothing is older than 1970.")
        if not SHORTEST <= end - start <= LONGEST:
            raise RangeError(
                f"From {first} to {last} cannot be shown: between {SHORTEST:.0f} s and 90 days can."
            )
        return cls(start, end, max(10, min(points, MOST_POINTS)), first, last)

    @property
    def length(self) -> float:
        """The seconds of the range."""
        return self.end - self.start

    @property
    def interval(self) -> float:
        """``$__interval``: the range by the points, as a round number, at least the provisioned one."""
        exact = self.length / self.points
        return max(float(min(_ROUND, key=lambda each: abs(each - exact))), least_interval())

    @property
    def rate_interval(self) -> float:
        """``$__rate_interval``: it holds at least two samples, even if one is late (Grafana's definition)."""
        return max(self.interval + least_interval(), 4 * least_interval())

    @property
    def aligned(self) -> tuple[float, float]:
        """Start and end as multiples of the interval: a refresh then moves no point of a graph."""
        step = self.interval
        return self.start // step * step, self.end // step * step
