"""What the library says about its own metrics: how many series, and what the rules took away."""

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
    description="Series of declared metrics that are held in memory.",
    recorded_by="otel",
)
DROPPED: Final = Counter(
    "telemetry.attributes.dropped",
    unit="{attribute}",
    description="Attributes that were not declared, or out of their range, and therefore left out.",
    attributes=_METRIC,
)
REPLACED: Final = Counter(
    "telemetry.values.replaced",
    unit="{value}",
    description="Attribute values that were not declared and became _OTHER.",
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
    description="Measurements that were not recorded, because the amount was negative or no finite number.",
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
        "Log records that were not written (beyond the burst limit, below a level that was changed at run "
        "time, failed to be made, stream broken, repeated by the server after our record of the same error) "
        "or not exported (local: of the export path itself)."
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
    """Reports what was taken away from the measurements of each metric; returns the undos."""

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


def count_unencodable(reason: str) -> None:
    """Counts a value that was changed or left out."""
    UNENCODABLE.add(1, {"reason": reason})
