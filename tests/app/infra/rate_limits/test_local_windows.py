"""The windows in a process's memory, on a clock that the test sets."""

from __future__ import annotations

from app.infra.rate_limits.breaker import Breaker
from app.infra.rate_limits.local_windows import LocalWindows
from otel.testing import Captured


class Ticker:
    """A monotonic clock that moves only when told."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def admit(windows: LocalWindows, key: str, times: int = 1) -> None:
    for _ in range(times):
        windows.end(windows.begin(key, 60, 1), 1, 1000, admitted=True)


def test_memory_is_bounded_by_keys() -> None:
    windows = LocalWindows(Ticker(), most_keys=100)
    for number in range(10_000):
        admit(windows, f"key {number}")
    assert (len(windows), windows.hits) == (100, 100)
    assert len(windows.look("key 9999", 60).times) == 1


def test_memory_is_bounded_by_hits() -> None:
    windows = LocalWindows(Ticker(), most_hits=1000)
    for number in range(100):
        admit(windows, f"key {number}", 100)
    assert windows.hits == 1000
    assert len(windows) == 10


def test_the_key_that_was_not_used_longest_is_forgotten() -> None:
    windows = LocalWindows(Ticker(), most_keys=2)
    for key in ("a", "b", "a", "c"):
        admit(windows, key)
    assert [len(windows.look(key, 60).times) for key in "abc"] == [2, 0, 1]


def test_a_key_that_is_forgotten_while_its_request_is_decided_counts_nothing() -> None:
    windows = LocalWindows(Ticker(), most_keys=1)
    slow = windows.begin("slow", 60, 1)
    admit(windows, "other")
    windows.end(slow, 1, 10, admitted=True)
    assert (len(windows), windows.hits) == (1, 1)


def test_hits_leave_with_their_window() -> None:
    clock = Ticker()
    windows = LocalWindows(clock)
    admit(windows, "a")
    clock.now += 30
    admit(windows, "a")
    clock.now += 30
    assert len(windows.look("a", 60).times) == 1
    clock.now += 30
    assert len(windows.look("a", 60).times) == 0
    assert windows.hits == 0


def test_what_was_refused_does_not_count() -> None:
    windows = LocalWindows(Ticker())
    hits = windows.begin("a", 60, 3)
    assert hits.pending == 3
    windows.end(hits, 3, 10, admitted=False)
    assert (hits.pending, windows.hits) == (0, 0)


def test_three_failures_in_a_row_open_the_breaker() -> None:
    clock = Ticker()
    breaker = Breaker(clock)
    for _ in range(2):
        fail(breaker, clock)
    breaker.succeeded()
    for _ in range(2):
        fail(breaker, clock)
    assert breaker.allows()
    fail(breaker, clock)
    assert (breaker.allows(), breaker.state, breaker.last_error) == (False, "open", "TimeoutError")


def test_failures_at_the_same_time_are_one() -> None:
    clock = Ticker()
    breaker = Breaker(clock)
    began = clock.now
    clock.now += 1
    for _ in range(64):
        breaker.failed(began, "TimeoutError")
    assert breaker.state == "closed"


def test_one_probe_at_a_time() -> None:
    clock = Ticker()
    breaker = opened(clock)
    clock.now += 1
    assert [breaker.allows() for _ in range(3)] == [True, False, False]
    breaker.failed(clock.now, "TimeoutError")
    assert not breaker.allows()
    clock.now += 1
    assert breaker.allows()
    breaker.abandoned()
    assert breaker.allows()
    breaker.succeeded()
    assert (breaker.state, breaker.allows(), breaker.allows()) == ("closed", True, True)


def test_a_switch_is_one_log_line_and_one_count(telemetry: Captured) -> None:
    clock = Ticker()
    breaker = opened(clock)
    for _ in range(5):
        clock.now += 1
        assert breaker.allows()
        breaker.failed(clock.now, "TimeoutError")
    clock.now += 1
    assert breaker.allows()
    for _ in range(5):
        breaker.succeeded()
    lines = [log for log in telemetry.logs if log.body == "rate_limit_backend_changed"]
    assert [log.attributes["backend"] for log in lines] == ["local", "redis"]
    assert lines[0].attributes["reason"] == "TimeoutError"
    for backend in ("local", "redis"):
        assert telemetry.value("lms.rate_limit.backend.switches", {"lms.rate_limit.backend": backend}) == 1


def opened(clock: Ticker) -> Breaker:
    breaker = Breaker(clock)
    for _ in range(3):
        fail(breaker, clock)
    assert breaker.state == "open"
    return breaker


def fail(breaker: Breaker, clock: Ticker) -> None:
    """An attempt that takes 50 ms and fails."""
    began = clock.now
    clock.now += 0.05
    breaker.failed(began, "TimeoutError")
