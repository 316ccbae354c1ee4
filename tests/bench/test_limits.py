"""The benchmark of the rate limiter: what it counts, and what its page says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import redis

from bench.limits import __main__ as command_line
from bench.limits.child import EDGE_LIMIT, _most_within, commands, main
from bench.limits.contestants import CONTESTANTS, Limits, ours
from bench.limits.environment import peers_python
from bench.limits.measure import NONE, Measured, measure
from bench.limits.report import verdicts, write


async def test_ours_takes_one_round_trip(empty_redis_url: str) -> None:
    limiter = ours(empty_redis_url, Limits())
    with redis.Redis.from_url(empty_redis_url) as client:
        figures = await commands(limiter, client)
    await limiter.close()
    assert figures["trips"] == 1


async def test_ours_admits_no_more_than_the_limit_within_a_window(empty_redis_url: str) -> None:
    figures = await main("ours", empty_redis_url, "edge")
    assert 0 < figures["most"] <= EDGE_LIMIT


async def test_the_floor_of_a_round_trip_is_measured(empty_redis_url: str) -> None:
    assert (await main("ours", empty_redis_url, "ping"))["cpu"] > 0


def test_only_what_lies_within_the_interval_counts() -> None:
    spans = [(0.0, 0.1), (0.5, 0.6), (0.95, 1.05), (1.2, 1.3), (0.9, 3.0)]
    assert _most_within(spans, 1.0) == 3


def test_a_missed_aim_is_said(tmp_path: Path) -> None:
    found = example(ours_per_second=150.0, ours_cpu=200e-6)
    assert [line.rsplit(" ", 1)[1] for line in verdicts(found)] == ["**missed**.", "**missed**.", "met."]
    assert "decides nothing: 100 µs" in verdicts(found)[1]
    page, data, _ = write(found, "load average 0.1", tmp_path)
    assert "| ours | 150 | 1.0 |" in page.read_text()
    assert json.loads(data.read_text())["rounds"] == 2


def example(*, ours_per_second: float, ours_cpu: float) -> Measured:
    """Returns figures as if measured: every peer makes 100 decisions a second."""
    found = Measured(2, ping=[{"cpu": 100e-6}] * 2)
    for name in CONTESTANTS:
        timed = {"per_second": ours_per_second if name == "ours" else 100.0, "cpu": ours_cpu}
        found.speed[name], found.alone[name] = [timed] * 2, [timed] * 2
    for name in (NONE, *CONTESTANTS):
        found.served[name] = [{"p50": 0.001, "p99": 0.002, "per_second": 500.0}] * 2
    for task, figures in (
        ("edge", {"most": 100.0, "limit": 100.0, "admitted": 500.0}),
        ("memory", {"per_key": 700.0}),
        ("commands", {"trips": 1.0, "commands": 17.0}),
    ):
        found.once[task] = dict.fromkeys(CONTESTANTS, figures)
    return found


def test_wrong_options_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command_line.main(["--rounds", "0"])
    assert "'0' is not a whole number above 0" in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_every_limiter_is_measured() -> None:
    found = await measure(1, 50, peers_python())
    assert set(found.speed) == set(CONTESTANTS)
    assert set(found.served) == {NONE, *CONTESTANTS}
