"""The runner of the checks: probes that hang, raise or lie, and clocks that jump."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from app.monitoring.health import Component
from app.monitoring.health_check import Check, Measurement, Status, at_most
from app.monitoring.health_checks import HealthChecks
from otel.testing import Captured
from tests.app.fixed_clock import FixedClock
from tests.programs import wait

FIRST = Measurement("responseTime", 1.0, "ms")
HOUR = 3600.0


@dataclass
class Dependency:
    """A dependency whose probe does what the test says, and is counted."""

    behave: Callable[[], Any] = lambda: None
    runs: int = 0
    ran: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self) -> Sequence[Measurement]:
        self.runs += 1
        self.ran.set()
        done = self.behave()
        if asyncio.iscoroutine(done):
            done = await done
        return done or [FIRST]

    async def after(self, runs: int) -> None:
        """Returns once this many runs have begun."""
        while self.runs < runs:
            self.ran.clear()
            await self.ran.wait()


class Monotonic:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def checked(name: str, probe: Dependency, **changes: Any) -> Check:  # noqa: ANN401 - fields of a check
    facts = {"interval": 0.001, "limit": 20.0, "immediate": True, "advice": f"Mend {name}.", **changes}
    return Check(name, probe, **facts)


@asynccontextmanager
async def running(
    *checks: Check, clock: FixedClock | None = None, monotonic: Callable[[], float] = time.monotonic
) -> AsyncIterator[HealthChecks]:
    health = HealthChecks(checks, clock or FixedClock(), agreeing=3, window=4, monotonic=monotonic)
    async with health.running():
        yield health


async def until(condition: Callable[[], object]) -> None:
    await wait(condition, "the checks have come to this")


def component(health: HealthChecks, name: str) -> Component:
    found = health.report().components
    assert found is not None
    return found[name]


async def hang() -> None:
    await asyncio.Event().wait()


async def hang_and_ignore_cancellation() -> None:
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if _released.is_set():
                raise


_released = asyncio.Event()


async def test_the_answer_runs_no_check() -> None:
    probe = Dependency()
    async with running(checked("a", probe, interval=HOUR, critical=True)) as health:
        for _ in range(100):
            assert health.report().status is Status.PASS
            assert health.is_ready
            assert health.has_started
        assert probe.runs == 1


async def test_a_report_is_written_once_until_a_check_has_run_or_a_second_has_passed() -> None:
    probe, monotonic = Dependency(), Monotonic()
    once = checked("a", probe, interval=HOUR, critical=True)
    async with running(once, checked("other", Dependency()), monotonic=monotonic) as health:
        await until(lambda: '"a":' in health.written()[1])
    status, text = health.written()
    assert health.written()[1] is text
    assert (status, text) == (health.report().status, health.report().text())
    monotonic.now += 10 * HOUR  # nothing has run for too long
    assert health.written()[0] is Status.FAIL


async def test_a_result_is_in_the_next_written_report() -> None:
    failing = asyncio.Event()
    probe = Dependency(lambda: [Measurement("x", 1, status=Status.FAIL)] if failing.is_set() else None)
    async with running(checked("a", probe, critical=True), monotonic=Monotonic()) as health:
        assert health.written()[0] is Status.PASS
        failing.set()
        await until(lambda: health.written()[0] is Status.FAIL)


async def test_a_hanging_check_fails_and_delays_no_other() -> None:
    hanging, well = Dependency(hang), Dependency()
    async with running(checked("bad", hanging, limit=0.01), checked("good", well)) as health:
        await until(lambda: health.report().status is Status.WARN)
        before = well.runs
        await well.after(before + 10)
        bad = component(health, "bad")
        assert bad.status is Status.FAIL
        assert bad.last_error is not None
        assert bad.last_error.type == "TimeoutError"
        assert bad.recommendation == "Mend bad."
        assert component(health, "good").status is Status.PASS


async def test_a_check_that_ignores_its_cancellation_is_not_started_twice() -> None:
    stuck, well = Dependency(hang_and_ignore_cancellation), Dependency()
    _released.clear()
    async with running(checked("stuck", stuck, limit=0.005), checked("well", well)) as health:
        await until(lambda: health.report().status is Status.WARN)
        await well.after(well.runs + 20)
        assert stuck.runs == 1
        _released.set()


def test_a_hang_of_the_critical_check_does_not_delay_the_start_beyond_its_limit() -> None:
    async def started() -> bool:
        async with running(checked("db", Dependency(hang), limit=0.01, critical=True)) as health:
            assert not health.has_started
            return health.is_ready

    assert asyncio.run(started()) is False


async def test_two_checks_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two health checks are called db; rename one"):
        HealthChecks(
            [checked("db", Dependency(), critical=True), checked("db", Dependency())],
            FixedClock(),
            agreeing=3,
            window=4,
        )


async def test_a_check_that_returns_nonsense_fails() -> None:
    async with running(checked("odd", Dependency(lambda: 42))) as health:
        await until(lambda: health.report().status is Status.WARN)
        assert component(health, "odd").status is Status.FAIL


async def test_one_bad_result_changes_nothing_and_recovery_is_damped_too(telemetry: Captured) -> None:
    works = True

    def behave() -> None:
        if not works:
            raise ConnectionError

    probe = Dependency(behave)
    async with running(checked("db", probe, critical=True)) as health:
        await probe.after(5)
        works = False
        await until(lambda: not health.is_ready)
        failed = health.report()
        assert (failed.status, failed.decided_by) == (Status.FAIL, "db")
        assert failed.recommendation == "Mend db."
        assert failed.runbook == "docs/health.md#db"
        works = True
        await until(lambda: health.is_ready)
        assert component(health, "db").recommendation is None
        last_error = component(health, "db").last_error
        assert last_error is not None  # it is remembered
        assert last_error.type == "ConnectionError"
    changes = [log for log in telemetry.logs if log.body == "health_changed"]
    assert [(log.attributes["before"], log.attributes["status"]) for log in changes] == [
        ("pass", "fail"),
        ("fail", "pass"),
    ]
    assert telemetry.value("lms.health.check.changes", {"check": "db", "status": "fail"}) == 1


async def test_the_first_of_the_worst_decides_and_critical_ones_come_first() -> None:
    def warned() -> list[Measurement]:
        return [FIRST, at_most("full", 2, 1, output="It is full.", advice="Empty it.")]

    def failed() -> None:
        raise ConnectionError

    warns, fails, critical = Dependency(warned), Dependency(failed), Dependency(warned)
    async with running(
        checked("a", fails), checked("b", warns), checked("c", critical, critical=True)
    ) as health:
        await until(lambda: health.report().unchecked == [])
        told = health.report()
        assert (told.status, told.decided_by) == (Status.WARN, "c")
        assert (told.output, told.recommendation) == ("It is full.", "Empty it.")
        assert component(health, "a").status is Status.FAIL
        assert health.is_ready  # degraded is not unready


async def test_what_fails_decides_before_what_warns() -> None:
    def warned() -> list[Measurement]:
        return [at_most("full", 2, 1, output="It is full.", advice="Empty it.")]

    def failed() -> None:
        raise ConnectionError

    checks = checked("warns", Dependency(warned)), checked("fails", Dependency(failed))
    async with running(*checks) as health:
        await until(lambda: health.report().unchecked == [])
        assert health.report().decided_by == "fails"


async def test_a_result_that_is_not_renewed_is_stale() -> None:
    monotonic, probe, other = Monotonic(), Dependency(), Dependency()
    checks = [
        checked("db", probe, interval=HOUR, limit=20.0, critical=True),
        checked("mail", other, interval=HOUR),
    ]
    async with running(*checks, monotonic=monotonic) as health:
        await until(lambda: health.report().unchecked == [])
        assert health.report().status is Status.PASS
        monotonic.now += 4 * HOUR
        told = health.report()
        assert (told.status, told.decided_by) == (Status.FAIL, "db")
        assert told.output == "No run has ended for 14400 s."
        assert component(health, "mail").status is Status.WARN
        assert not health.is_ready


@pytest.mark.parametrize("jump", [timedelta(days=3650), timedelta(days=-3650)])
async def test_a_jump_of_the_wall_clock_makes_nothing_stale(jump: timedelta) -> None:
    clock, probe = FixedClock(), Dependency()
    async with running(checked("db", probe, interval=HOUR, critical=True), clock=clock) as health:
        clock.advance(jump)
        told = health.report()
        assert told.status is Status.PASS
        checked_at = component(health, "db").checked_at
        assert timedelta(0) <= clock.now() - checked_at < timedelta(minutes=5)


async def test_a_check_that_has_not_run_is_listed_as_such() -> None:
    slow = Dependency()
    checks = [
        checked("db", Dependency(), critical=True),
        checked("slow", slow, interval=HOUR, immediate=False),
    ]
    async with running(*checks) as health:
        told = health.report()
        assert told.unchecked == ["slow"]
        assert told.status is Status.PASS


async def test_the_status_of_each_check_is_a_metric(telemetry: Captured) -> None:
    def failed() -> None:
        raise ConnectionError

    async with running(checked("db", Dependency()), checked("mail", Dependency(failed))) as health:
        await until(lambda: health.report().unchecked == [])
        shown = {
            (check, status): telemetry.value("lms.health.check.status", {"check": check, "status": status})
            for check in ("db", "mail")
            for status in ("pass", "warn", "fail")
        }
        assert [key for key, value in shown.items() if value] == [("db", "pass"), ("mail", "fail")]
