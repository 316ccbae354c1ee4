"""The canary of the running stack: what it reports while all stores are up, and while one is down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import httpx
import psutil
import pytest

from stack.native.native_stack import NativeStack
from stack.native.probes import NO_CERTIFICATES
from tests.programs import wait_until
from tests.stack.running.stores import Stores

pytestmark = pytest.mark.stack

SIGNALS: Final = {"traces", "metrics", "logs"}
LARGEST: Final = 44 * 2**20  # bytes; pydantic, which reads the settings, is 9 MiB of them
Counts = dict[str, float]
Ask = Callable[..., Counts]


@pytest.fixture(name="counts")
def _counts(stack: NativeStack) -> Ask:
    """Returns a function that scrapes the canary for a metric by signal; ``labels`` are the other labels."""

    def counts(metric: str, labels: str = "") -> Counts:
        lines = httpx.get(
            f"{stack.url('canary')}/metrics", timeout=10, verify=NO_CERTIFICATES
        ).text.splitlines()
        begin = f'telemetry_canary_{metric}{{signal="'
        found = (
            line.removeprefix(begin).split(f'"{labels}}} ')
            for line in lines
            if line.startswith(begin) and f'"{labels}}} ' in line
        )
        return {signal: float(value) for signal, value in found}

    return counts


def _risen(before: Counts, now: Counts, by: float = 1) -> set[str]:
    return {signal for signal in SIGNALS if now[signal] >= before[signal] + by}


def test_all_three_signals_arrive(counts: Ask) -> None:
    assert set(counts("sent_total")) == set(counts("arrived_total")) == SIGNALS
    before = counts("arrived_total")
    wait_until(lambda: _risen(before, counts("arrived_total"), by=2) == SIGNALS, "two of each arrive")
    arrived, sent = counts("arrived_total"), counts("sent_total")
    assert all(arrived[signal] <= sent[signal] for signal in SIGNALS)


def test_prometheus_scrapes_its_verdict(stores: Stores) -> None:
    wait_until(
        lambda: stores.total('telemetry_canary_arrived_total{job="canary"}') >= 3, "its verdict is scraped"
    )
    assert stores.total('up{job="canary"}') == 1
    assert stores.total("max(telemetry_canary_interval_seconds)") == 2


def test_it_uses_little_memory(stack: NativeStack) -> None:
    process = psutil.Process(stack.supervisor.states()["canary"].pid)
    assert "stack.canary" in process.cmdline()
    assert process.memory_info().rss < LARGEST


def test_a_stopped_trace_store_affects_only_traces(stack: NativeStack, counts: Ask) -> None:
    stack.supervisor.stop_part("jaeger")
    try:
        unanswered = counts("failures_total", ',stage="ask"')
        wait_until(
            lambda: "traces" in _risen(unanswered, counts("failures_total", ',stage="ask"')),
            "the trace store does not answer",
        )
        before = counts("arrived_total")
        wait_until(
            lambda: _risen(before, counts("arrived_total"), by=3) >= SIGNALS - {"traces"},
            "the rest continue",
        )
        assert counts("arrived_total")["traces"] == before["traces"]
    finally:
        stack.supervisor.start_part("jaeger")
    stack.wait_ready()
    wait_until(lambda: "traces" in _risen(before, counts("arrived_total")), "traces arrive again")
