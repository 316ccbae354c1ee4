from __future__ import annotations

import pytest

from stack.boards.window import RangeError, Window, duration, least_interval, moment, seconds

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("now-15m", NOW - 900),
        ("now-7d", NOW - 604_800),
        ("1700000000000", NOW),
        ("1700000000", NOW),
    ],
)
def test_times_are_read_as_grafana_writes_them(text: str, expected: float) -> None:
    assert moment(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "now-1x", "now+1h", "-1", "now-1h; drop", "1e99"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(RangeError, match="is no time: write now, now-1h or milliseconds"):
        moment(text, NOW)


@pytest.mark.parametrize(("first", "last"), [("now", "now-1h"), ("now-1s", "now"), ("now-91d", "now")])
def test_a_range_has_bounds(first: str, last: str) -> None:
    with pytest.raises(RangeError, match=f"From {first} to {last} cannot be shown"):
        Window.of(first, last, now=NOW)


def test_nothing_is_older_than_the_epoch() -> None:
    with pytest.raises(RangeError, match="From now-999999w to now-999992w cannot be shown"):
        Window.of("now-999999w", "now-999992w", now=NOW)


def test_the_least_interval_is_the_provisioned_one() -> None:
    assert least_interval() == 15


@pytest.mark.parametrize(
    ("first", "points", "interval", "rate_interval"),
    [
        ("now-5m", 600, 15, 60),
        ("now-1h", 600, 15, 60),  # 6 s, less than the provisioned 15 s
        ("now-6h", 600, 30, 60),  # 36 s
        ("now-24h", 600, 120, 135),  # 144 s
        ("now-7d", 600, 900, 915),  # 1008 s
        ("now-30d", 600, 3600, 3615),  # 4320 s
        ("now-90d", 99_999, 3600, 3615),  # as many points as a panel may have
    ],
)
def test_intervals_are_those_of_grafana(
    first: str, points: int, interval: float, rate_interval: float
) -> None:
    window = Window.of(first, "now", now=NOW, points=points)
    assert (window.interval, window.rate_interval) == (interval, rate_interval)
    assert window.length / window.interval < 11_000  # more is refused by Prometheus


def test_a_refresh_moves_no_point() -> None:
    earlier, later = (Window.of("now-6h", "now", now=NOW + moved) for moved in (0, 7))
    assert {each % earlier.interval for each in (*earlier.aligned, *later.aligned)} == {0}


@pytest.mark.parametrize("text", ["15s", "90s", "2m", "1h", "7d"])
def test_durations_are_written_as_they_are_read(text: str) -> None:
    assert duration(seconds(text)) == text


def test_what_is_no_duration_is_refused() -> None:
    with pytest.raises(RangeError, match="'1 hour' is no duration"):
        seconds("1 hour")
