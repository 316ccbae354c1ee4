"""Turns rounds into figures: medians, and ratios between values of the same round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.overhead.variants import BARE

SERVING, CALLING, SENDING, OTHER = "serving", "database calls", "telemetry's sending", "other"


@dataclass(frozen=True, slots=True)
class Round:
    """One variant's part of one round, per request in seconds.

    Args:
        wall: elapsed time; over uvicorn the run's, divided by its requests, so 1/wall is the throughput.
        cpu: CPU of all threads of the process, exporting included.
        path: CPU of the serving thread; 0 where it was not measured.
        latency: median from request to answer, over uvicorn.
        threads: over uvicorn, the CPU by what the threads do: `SERVING`, `CALLING`, `SENDING` or `OTHER`.
    """

    wall: float
    cpu: float
    path: float = 0.0
    latency: float = 0.0
    threads: Mapping[str, float] = field(default_factory=dict)


@dataclass
class Series:
    """All rounds of all variants at one number of routes.

    Args:
        routes: of the application.
        served: whether over uvicorn with a database.
        requests: per round.
        rounds: by variant, all of the same length, in the order of measurement.
        arrived: by variant, what the sink saw per request: ``spans``, ``server``, ``logs``, ``bytes``.
        calls: by variant, function calls per request in the serving thread: counted, so free of timing noise.
    """

    routes: int
    served: bool
    requests: int
    rounds: dict[str, list[Round]] = field(default_factory=dict)
    arrived: dict[str, Mapping[str, float]] = field(default_factory=dict)
    calls: dict[str, float] = field(default_factory=dict)

    def median(self, name: str, what: str) -> float:
        """Returns the median over the rounds of a field of `Round`."""
        return float(median(getattr(each, what) for each in self.rounds[name]))

    def overhead(self, name: str, what: str = "cpu") -> float:
        """Returns the median over the rounds of the variant's extra cost over the bare application."""
        return median(self._overheads(name, what))

    def share_of_overhead(self, name: str, of: str, what: str = "cpu") -> float:
        """Returns the variant's overhead as a share of another's: the median of the rounds' shares.

        Rounds in which the other's overhead is lost in noise (not positive) are left out.

        Raises:
            ValueError: No round is left.
        """
        pairs = zip(self._overheads(name, what), self._overheads(of, what), strict=True)
        shares = [mine / theirs for mine, theirs in pairs if theirs > 0]
        if not shares:
            raise ValueError(f"{of} never cost more than the bare application: measure more rounds")
        return median(shares)

    def difference(self, name: str, other: str, what: str = "cpu") -> float:
        """Returns the median over the rounds of the variant's extra cost over the other one."""
        pairs = zip(self.rounds[name], self.rounds[other], strict=True)
        return float(median(getattr(mine, what) - getattr(theirs, what) for mine, theirs in pairs))

    def of_threads(self, name: str, work: str) -> float:
        """Returns the median over the rounds of the CPU used by the threads that do this work."""
        return median(each.threads.get(work, 0.0) for each in self.rounds[name])

    def cpu_share(self, name: str) -> float:
        """Returns the median over the rounds of the bare application's CPU as a share of the variant's."""
        pairs = zip(self.rounds[name], self.rounds[BARE], strict=True)
        return median(bare.cpu / mine.cpu for mine, bare in pairs)

    def throughput_share(self, name: str) -> float:
        """Returns the median over the rounds of the variant's share of the bare application's throughput."""
        return median(self._throughput_shares(name))

    def throughput_range(self, name: str) -> tuple[float, float]:
        """Returns the lowest and the highest of the rounds' shares of the bare application's throughput."""
        shares = self._throughput_shares(name)
        return min(shares), max(shares)

    def _throughput_shares(self, name: str) -> list[float]:
        pairs = zip(self.rounds[name], self.rounds[BARE], strict=True)
        return [bare.wall / mine.wall for mine, bare in pairs]

    def spread(self, name: str, what: str = "cpu") -> tuple[float, float]:
        """Returns the quartiles of the variant's rounds."""
        values = sorted(getattr(each, what) for each in self.rounds[name])
        return quartiles(values)

    def _overheads(self, name: str, what: str) -> list[float]:
        pairs = zip(self.rounds[name], self.rounds[BARE], strict=True)
        return [getattr(mine, what) - getattr(bare, what) for mine, bare in pairs]


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """Returns the lower and the upper quartile of ordered values, by the nearest rank."""
    last = len(values) - 1
    return values[round(last * 0.25)], values[round(last * 0.75)]
