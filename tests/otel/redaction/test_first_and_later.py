"""The redactor's cache gives the same results as its rules; what OTLP cannot carry is counted each time."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import otel
from otel.metrics.data import DeclaredMetrics
from otel.metrics.self import SELF_METRICS
from otel.redaction.engine import Redactor
from tests.otel.conftest import Configure
from tests.otel.odd import HALF, USUAL, Sub
from tests.otel.prometheus import families
from tests.otel.receiver import receiver

KEYS: list[Any] = [None, "kind", Sub("kind"), "password", "url.query", HALF]
VALUES: list[Any] = [
    *(value for value in USUAL if isinstance(value, (str, int, float))),
    *(2**63, -(2**63) - 1, -(2**70), 10**400, 10**5000, -(10**12), 4111111111111111, -4111111111111111),
    *(float("nan"), float("inf"), 1e300, HALF, Sub(HALF), "é", "eve@example.org", "a=eve@example.org"),
    *([1, HALF, -(2**70)], {HALF: HALF, "n": 2**70}, "x" * 40_000),
]
PAIRS = st.tuples(st.sampled_from(range(len(KEYS))), st.sampled_from(range(len(VALUES))))


def seen(redactor: Redactor, pair: tuple[int, int]) -> str:
    # Compared by repr: nan is not equal to itself, and 1 is equal to True.
    return repr(redactor.value(KEYS[pair[0]], VALUES[pair[1]]))


@settings(deadline=None)
@given(st.lists(PAIRS, max_size=12))
def test_a_cached_value_is_redacted_like_the_first(pairs: list[tuple[int, int]]) -> None:
    later: Counter[str] = Counter()
    quick = Redactor(count=lambda reason: later.update([reason]))
    first: Counter[str] = Counter()
    for pair in pairs * 2:
        fresh = Redactor(count=lambda reason: first.update([reason]))
        assert seen(quick, pair) == seen(fresh, pair)
        assert later == first


def test_unencodable_values_of_log_records_are_counted(configure: Configure) -> None:
    DeclaredMetrics([SELF_METRICS]).forget()
    with receiver() as collector:
        telemetry = configure(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        for _ in range(3):
            otel.get_logger("odd").warning("odd", text=HALF, number=-(2**70))
        assert telemetry.flush(10)
        counted = families(telemetry)["telemetry_values_unencodable"]
        for record in collector.records():
            sent = {each.key: each.value.string_value for each in record.attributes}
            assert (sent["text"], sent["number"]) == ("a?b", str(-(2**70)))
    assert {dict(labels)["reason"]: value for (_, labels), value in counted.items() if value} == {
        "lone_surrogate": 3,
        "integer_over_64_bits": 3,
    }
