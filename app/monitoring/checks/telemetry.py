"""Telemetry: what this process loses, how full its queues are, and whether the canary's items arrive."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import otel
from app.core.settings import Settings
from app.infra.stores import Prometheus, StoreUnavailable
from app.infra.stores.queries import selector
from app.monitoring.health_check import Check, Measurement, Status, at_most
from app.monitoring.health_lookback import INTERVALS, Growth

ADVICE: Final = "Read this process's log: its telemetry cannot say what happened to it."
_LOST: Final = "See whether the Collector runs and takes data (`make status`, `make logs PART=collector`)."
_FULL: Final = "Mend the Collector before the queue is full and drops what is new."
_CANARY: Final = "Follow the path of an item (docs/troubleshooting.md) and stop at the first step that fails."
_DOWN: Final = (
    "Start the canary (`make status`, `make logs PART=canary`): without it nobody sees whether items arrive."
)
_UNKNOWN: Final = "unknown"
_GONE: Final = "gone"
_LATE: Final = 3  # intervals, as in the alert
_AGE: Final = f"time() - max by (signal) ({selector('telemetry_canary_last_arrival_timestamp_seconds')})"
_INTERVAL: Final = f"max({selector('telemetry_canary_interval_seconds')})"


class TelemetryProbe:
    """Reads what the process lost in the last ``look_back`` seconds; asks Prometheus about the canary."""

    def __init__(
        self,
        telemetry: otel.Telemetry,
        prometheus: Prometheus | None,
        *,
        most_queued: float,
        look_back: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._telemetry = telemetry
        self._prometheus = prometheus
        self._most_queued = most_queued
        # Also what was dropped before the first run.
        self._dropped: defaultdict[str, Growth] = defaultdict(lambda: Growth(look_back, monotonic, total=0))
        self._has_seen_canary = False

    async def __call__(self) -> Sequence[Measurement]:
        """Measures; without Prometheus, the canary's age is unknown, which is no fault of the telemetry."""
        return [*self._losses(), *self._queues(), await self._canary()]

    def _losses(self) -> Iterator[Measurement]:
        for signal, account in self._telemetry.accounting().items():
            _, new = self._dropped[signal].add(sum(account["dropped"].values()))
            reasons = ", ".join(sorted(account["dropped"]))
            output = f"{new} {signal} were dropped lately; reasons so far: {reasons}."
            yield at_most(f"{signal}Dropped", new, 0, unit="{item}", output=output, advice=_LOST)

    def _queues(self) -> Iterator[Measurement]:
        config, accounts = self._telemetry.config, self._telemetry.accounting()
        for signal, size in (("traces", config.span_queue_size), ("logs", config.log_queue_size)):
            used = accounts[signal]["pending"] / size
            output = f"The queue of {signal} is {used:.0%} full."
            yield at_most(f"{signal}Queue", used, self._most_queued, unit="1", output=output, advice=_FULL)

    async def _canary(self) -> Measurement:
        prometheus = self._prometheus
        if prometheus is None:
            return Measurement("canaryAge", _UNKNOWN)
        try:
            ages = await prometheus.query(_AGE)
            intervals = await prometheus.query(_INTERVAL)
        except StoreUnavailable:  # which its own check says
            return Measurement("canaryAge", _UNKNOWN)
        if not ages or not intervals:
            return self._without_canary()
        self._has_seen_canary = True
        oldest = max(ages, key=lambda each: each.value)
        signal = oldest.labels.get("signal", "items")
        output = f"The canary's {signal} were last seen in their store {oldest.value:.0f} s ago."
        # And the time between two scrapes, which is shorter than an interval.
        most = (_LATE + 1) * intervals[0].value
        return at_most("canaryAge", oldest.value, most, unit="s", output=output, advice=_CANARY)

    def _without_canary(self) -> Measurement:
        """A canary that was never seen may not exist; one that vanished is dead, or nobody scrapes it."""
        if not self._has_seen_canary:
            return Measurement("canaryAge", _UNKNOWN)
        output = "Prometheus no longer has the canary's figures: it has exited, or is not scraped."
        return Measurement("canaryAge", _GONE, None, Status.WARN, output, _DOWN)


def check(settings: Settings, telemetry: otel.Telemetry, prometheus: Prometheus | None) -> Check:
    """Returns the check of the process's telemetry."""
    return Check(
        "telemetry",
        TelemetryProbe(
            telemetry,
            prometheus,
            most_queued=settings.health_max_queue,
            look_back=INTERVALS * settings.health_slow_seconds,
        ),
        ADVICE,
        interval=settings.health_slow_seconds,
        limit=max(settings.health_limit_seconds, settings.stores_seconds * 2),
    )
