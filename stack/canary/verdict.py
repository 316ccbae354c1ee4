"""The canary's results as its own metrics: scraped, so that they bypass the pipeline under test."""

from __future__ import annotations

import time
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from stack.canary.items import SIGNALS

PREFIX: Final = "telemetry_canary"
STAGES: Final = ("send", "ask")
_BUCKETS: Final = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)


class Verdict:
    """The canary's metrics. Every series exists from the start, so that a missing one means something.

    Args:
        interval: seconds from one item of a signal to the next; exposed as a metric for the alert rules.
    """

    def __init__(self, interval: float) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client annotates no result
        self.registry = CollectorRegistry()
        self._sent = Counter(
            f"{PREFIX}_sent", "Items that the Collector acknowledged.", ["signal"], registry=self.registry
        )
        self._arrived = Counter(
            f"{PREFIX}_arrived", "Items that their store has returned.", ["signal"], registry=self.registry
        )
        self._lost = Counter(
            f"{PREFIX}_lost",
            "Items given up: their store never returned them.",
            ["signal"],
            registry=self.registry,
        )
        self._last = Gauge(
            f"{PREFIX}_last_arrival_timestamp_seconds",
            "When an item was last seen to arrive; until the first one, when the canary started.",
            ["signal"],
            registry=self.registry,
        )
        self._delay = Histogram(
            f"{PREFIX}_delay_seconds",
            "From the acknowledgement of an item until its store returns it; up to a quarter too long.",
            ["signal"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._failures = Counter(
            f"{PREFIX}_failures",
            "Requests without a good answer: of the Collector (send), of the store (ask).",
            ["signal", "stage"],
            registry=self.registry,
        )
        Gauge(
            f"{PREFIX}_interval_seconds", "From one item of a signal to the next.", registry=self.registry
        ).set(interval)
        for signal in SIGNALS:
            self._prepare(signal)

    def _prepare(self, signal: str) -> None:
        for metric in (self._sent, self._arrived, self._lost, self._delay):
            metric.labels(signal)
        for stage in STAGES:
            self._failures.labels(signal, stage)
        self._last.labels(signal).set(time.time())

    def sent(self, signal: str) -> None:
        """Counts an item that the Collector acknowledged."""
        self._sent.labels(signal).inc()

    def arrived(self, signal: str, delay: float) -> None:
        """Counts an item that its store returned ``delay`` seconds after its acknowledgement."""
        self._arrived.labels(signal).inc()
        self._delay.labels(signal).observe(delay)
        self._last.labels(signal).set(time.time())

    def lost(self, signal: str) -> None:
        """Counts an item that is given up."""
        self._lost.labels(signal).inc()

    def failed(self, signal: str, stage: str) -> None:
        """Counts a failed request; ``stage`` is one of STAGES."""
        self._failures.labels(signal, stage).inc()
