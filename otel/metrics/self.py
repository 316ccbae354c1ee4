"""Metrics about the library's own metrics: number of series, and losses to the rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from opentelemetry.metrics import Observation

from otel.metrics.attributes import AnyText
from otel.metrics.catalogue import Catalogue, Counter, External
from otel.metrics.losses import Losses

_METRIC: Final = {"metric": AnyText(500)}

SERIES: Final = External(
    "telemetry.series",
    kind="gauge",
    unit="{series}",
    description="Series of declared metrics held in memory.",
    recorded_by="otel",
)
DROPPED: Final = Counter(
    "telemetry.attributes.dropped",
    unit="{attribute}",
    description="Attributes dropped because they were undeclared or out of range.",
    attributes=_METRIC,
)
REPLACED: Final = Counter(
    "telemetry.values.replaced",
    unit="{value}",
    description="Undeclared attribute values replaced by _OTHER.",
    attributes=_METRIC,
)
FOLDED: Final = Counter(
    "telemetry.measurements.folded",
    unit="{measurement}",
    description="Measurements beyond the cardinality limit, counted in the overflow series.",
    attributes=_METRIC,
)
REFUSED: Final = Counter(
    "telemetry.measurements.refused",
    unit="{measurement}",
    description="Measurements rejected: negative, not a finite number, or would make a sum infinite.",
    attributes={**_METRIC, "reason": ("negative", "not_finite", "not_a_number", "failed")},
)
UNENCODABLE: Final = Counter(
    "telemetry.values.unencodable",
    unit="{value}",
    description="Values that OTLP or the Prometheus text cannot carry, changed or left out.",
    attributes={
        "reason": (
            "integer_over_64_bits",
            "lone_surrogate",
            "not_finite",
            "too_large",
            "name_taken",
            "failed",
        )
    },
)
EVENTS_DROPPED: Final = Counter(
    "telemetry.events.dropped",
    unit="{event}",
    description="Error reports that never reached the error tracker, by the client's reason.",
    attributes={"reason": AnyText(30)},
)
RECORDS_HELD_BACK: Final = Counter(
    "telemetry.log_records.held_back",
    unit="{log_record}",
    description=(
        "Log records not written (beyond the burst limit, below a level changed at run time, failed to "
        "render, stream broken, repeated by the server after our record of the same error) "
        "or not exported (local: from exports and health checks)."
    ),
    attributes={"reason": ("burst", "level", "failed", "stream", "repeated", "local")},
)

SELF_METRICS: Final = Catalogue(
    "otel",
    SERIES,
    DROPPED,
    REPLACED,
    FOLDED,
    REFUSED,
    UNENCODABLE,
    EVENTS_DROPPED,
    RECORDS_HELD_BACK,
)


def observe_losses(losses: Callable[[], Mapping[str, Losses]]) -> list[Callable[[], None]]:
    """Starts reporting the losses of each metric; returns functions that undo it."""

    def reading(amount: Callable[[Losses], int]) -> Callable[[], Iterable[Observation]]:
        return lambda: [
            Observation(amount(each), {"metric": name}) for name, each in losses().items() if amount(each)
        ]

    def refused() -> Iterable[Observation]:
        for name, each in losses().items():
            for reason, count in list(each.refused.items()):
                yield Observation(count, {"metric": name, "reason": reason})

    return [
        DROPPED.observe(reading(lambda each: each.dropped)),
        REPLACED.observe(reading(lambda each: each.replaced)),
        FOLDED.observe(reading(lambda each: each.folded)),
        REFUSED.observe(refused),
    ]


def count_unencodable(reason: str, values: int = 1) -> None:
    """Counts values that were changed or dropped."""
    UNENCODABLE.add(values, {"reason": reason})
