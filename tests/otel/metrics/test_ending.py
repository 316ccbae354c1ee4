"""Values that come and go take room only while they are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from opentelemetry.metrics import Observation

from otel.metrics.catalogue import ANY_BOUNDED, Counter, Declared, Gauge, Histogram, UpDownCounter

LIMIT = 3
VERSIONS = [f"v{number}" for number in range(50)]


def declare(kind: type[Declared]) -> Declared:
    return kind(
        "x.uses", unit="s", description="Uses.", attributes={"version": ANY_BOUNDED(limit=LIMIT)}, limit=LIMIT
    )


def use(instrument: Declared, version: str) -> None:
    record: dict[type[Declared], Callable[..., None]] = {
        Counter: Counter.add, UpDownCounter: UpDownCounter.add, Gauge: Gauge.set, Histogram: Histogram.record,
    }  # fmt: skip
    record[type(instrument)](instrument, 1, {"version": version})


def among(*wanted: str) -> Callable[[Mapping[str, object]], bool]:
    return lambda labels: labels["version"] in wanted


def versions(instrument: Declared) -> list[object]:
    return [value for each in instrument.snapshots() for _, value in each.attributes]


@pytest.mark.parametrize("kind", [Counter, UpDownCounter, Gauge, Histogram])
def test_what_is_no_longer_wanted_makes_room(kind: type[Declared]) -> None:
    instrument = declare(kind)
    for version in VERSIONS:
        instrument.retain(among("v0", version))
        use(instrument, "v0")
        use(instrument, version)
    assert versions(instrument) == ["v0", "v49"]
    assert (instrument.losses.replaced, instrument.losses.folded) == (0, 0)


def counted(instrument: Counter) -> dict[object, float]:
    found = instrument.snapshots()
    return {dict(each.attributes)["version"]: each.value for each in found}  # type: ignore[union-attr]


def test_a_series_that_stays_keeps_its_count_and_one_that_ended_begins_again() -> None:
    counter = declare(Counter)
    assert isinstance(counter, Counter)
    kept, ended = counter.with_attributes({"version": "kept"}), counter.with_attributes({"version": "ended"})
    for _ in range(2):
        kept.add(1)
        ended.add(1)
        counter.add(1, {"version": "ended"})
    counter.retain(among("kept"))
    assert counted(counter) == {"kept": 2}
    kept.add(1)
    ended.add(1)
    counter.add(1, {"version": "ended"})
    assert counted(counter) == {"kept": 3, "ended": 2}


def test_what_has_no_room_is_still_counted_together() -> None:
    counter = Counter("x.uses", unit="1", description="Uses.", attributes={"version": ANY_BOUNDED()}, limit=1)
    for version in VERSIONS:
        counter.add(1, {"version": version})
    counter.retain(lambda _: False)
    assert [each.attributes for each in counter.snapshots()] == [(("otel.metric.overflow", True),)]


@pytest.mark.parametrize("kind", [Counter, UpDownCounter, Gauge])
def test_what_a_callback_no_longer_reports_makes_room(kind: type[Counter | UpDownCounter | Gauge]) -> None:
    instrument = declare(kind)
    assert not isinstance(instrument, Histogram)
    current: list[str] = []
    instrument.observe(lambda: [Observation(1, {"version": version}) for version in current])
    for first in range(0, len(VERSIONS) - LIMIT, LIMIT):
        current[:] = VERSIONS[first : first + LIMIT]
        assert versions(instrument) == current
    assert (instrument.losses.replaced, instrument.losses.folded) == (0, 0)
    assert instrument.series() <= LIMIT
