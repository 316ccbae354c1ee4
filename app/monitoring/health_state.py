"""What is known about one check: its last result, its status and since when."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.core.telemetry import HEALTH_CHANGES, HEALTH_DURATION
from app.monitoring.health import Component, Entry, LastError
from app.monitoring.health_check import SEVERITY, Check, Measurement, Status
from app.monitoring.health_damping import Damping
from otel import get_logger, process_breadcrumb

STALE_RUNS: Final = 3
"""A result is stale after this many intervals and time limits without a new one."""

_log = get_logger(service="health")


@dataclass(frozen=True, slots=True)
class Result:
    """What one run found. ``ended`` is in seconds of the monotonic clock, ``seconds`` its duration.

    ``error`` is the type of what the probe raised, None if it measured.
    """

    ended: float
    seconds: float
    measured: Sequence[Measurement]
    error: str | None = None

    @property
    def worst(self) -> Measurement | None:
        """The first of the worst measurements."""
        return max(self.measured, key=lambda each: SEVERITY[each.status], default=None)

    @property
    def status(self) -> Status:
        """The worst status; ``fail`` if the probe raised."""
        if self.error is not None:
            return Status.FAIL
        return self.worst.status if self.worst else Status.PASS

    @property
    def error_type(self) -> str | None:
        """The type of what the probe raised, or of what it measured; None if nothing failed.

        What fails without an error, such as a comparison, has its name as the type.
        """
        if self.error is not None or self.worst is None:
            return self.error
        return self.worst.error or (self.worst.name if self.worst.status is Status.FAIL else None)


class CheckState:
    """The state of one check. All moments are of the monotonic clock, which no clock change moves."""

    def __init__(self, check: Check, damping: Damping, started: float) -> None:
        self.check = check
        self.task: asyncio.Task[tuple[Measurement, ...]] | None = None
        self.result: Result | None = None
        self.ran = asyncio.Event()
        self.has_worked = False
        self._damping = damping
        self._started = self._since = started
        self._success: float | None = None
        self._failed: tuple[str, float] | None = None
        self._bad: Result | None = None

    @property
    def settled(self) -> bool:
        """Whether the last result agrees with the status."""
        return self.result is not None and self.result.status is self._damping.status

    def take(self, result: Result) -> None:
        """Takes the result of a run; a change of status is logged, counted and left as a breadcrumb."""
        self.result = result
        self.ran.set()
        HEALTH_DURATION.record(result.seconds, {"check": self.check.name})
        if result.error_type is not None:
            self._failed = (result.error_type, result.ended)
        self.has_worked |= result.status is not Status.FAIL
        if result.status is Status.PASS:
            self._success = result.ended
        else:
            self._bad = result
        before = self._damping.status
        now = self._damping.add(result.status)
        if now is before:
            return
        self._since = result.ended
        if before is not None or now is not Status.PASS:
            self._announce(before, now)

    def _announce(self, before: Status | None, now: Status) -> None:
        facts = {
            "check": self.check.name,
            "status": now.value,
            "before": None if before is None else before.value,
            "critical": self.check.critical,
        }
        HEALTH_CHANGES.add(1, {"check": self.check.name, "status": now.value})
        process_breadcrumb("lms.health_changed", level="info" if now is Status.PASS else "warning", **facts)
        if now is Status.PASS:
            _log.info("health_changed", **facts)
        else:
            _log.warning("health_changed", output=self._output(now), **facts)

    def is_stale(self, now: float) -> bool:
        """Tells whether no run has ended for too long."""
        last = self._started if self.result is None else self.result.ended
        return now - last > STALE_RUNS * (self.check.interval + self.check.limit)

    def status(self, now: float) -> Status | None:
        """Returns the status; None before the first result. A stale one says nothing, so it does not pass."""
        if self.is_stale(now):
            return Status.FAIL if self.check.critical else Status.WARN
        return self._damping.status

    def output(self, now: float) -> str | None:
        """Returns what is wrong, None if nothing is."""
        status = self.status(now)
        if self.is_stale(now):
            last = self._started if self.result is None else self.result.ended
            return f"No run has ended for {now - last:.0f} s."
        return None if status is None or status is Status.PASS else self._output(status)

    def recommendation(self, now: float) -> str | None:
        """Returns what to do next, None if nothing is wrong."""
        if self.is_stale(now):
            return "Restart this process: its event loop or the check hangs."
        if self.status(now) in {None, Status.PASS}:
            return None
        bad = self._bad
        worst = bad.worst if bad and bad.error is None else None
        return worst.advice if worst and worst.advice else self.check.advice

    def _output(self, status: Status) -> str | None:
        bad = self._bad
        if bad is None or status is Status.PASS:
            return None
        if bad.error is not None:
            return f"{bad.error} after {bad.seconds:.1f} s."
        return bad.worst.output if bad.worst else None

    def component(self, now: float, wall: datetime) -> Component | None:
        """Returns the verdict; None if nothing is known yet."""
        status, result = self.status(now), self.result
        if status is None or result is None:
            return None
        failed = self._failed
        return Component(
            status=status,
            critical=self.check.critical,
            latency_ms=round(result.seconds * 1000, 1),
            since=_at(self._since, now, wall),
            checked_at=_at(result.ended, now, wall),
            last_result=result.status,
            last_success=None if self._success is None else _at(self._success, now, wall),
            last_error=None if failed is None else LastError(type=failed[0], time=_at(failed[1], now, wall)),
            output=self.output(now),
            recommendation=self.recommendation(now),
            runbook=None if status is Status.PASS else self.check.runbook,
        )

    def entries(self, now: float, wall: datetime) -> dict[str, list[Entry]]:
        """Returns the last run's measurements by key."""
        result = self.result
        if result is None:
            return {}
        return {
            f"{self.check.name}:{each.name}": [
                Entry(
                    component_id=self.check.name,
                    component_type=self.check.kind,
                    observed_value=round(each.value, 4) if isinstance(each.value, float) else each.value,
                    observed_unit=each.unit,
                    status=each.status,
                    time=_at(result.ended, now, wall),
                    output=each.output,
                )
            ]
            for each in result.measured
        }


def _at(moment: float, now: float, wall: datetime) -> datetime:
    """Returns when ``moment`` was, by a wall clock that says ``wall`` now."""
    return wall - timedelta(seconds=round(now - moment, 3))
