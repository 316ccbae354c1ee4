"""The catalogue of declared metrics: the one place where a metric's name is written.

It determines the exported series, their cardinality limits, the instruments that libraries record into, and
`docs/telemetry.md`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from otel.metrics.attributes import OTHER, Allowed, AnyText, AttributeValue, IntegerRange
from otel.metrics.counters import Counter, Gauge, UpDownCounter
from otel.metrics.declaration import BYTES, DEFAULT_LIMIT, SECONDS, Declaration, Kind
from otel.metrics.histogram import Histogram

ANY_BOUNDED: Final = AnyText
"""The attribute rule for values that cannot be listed: `ANY_BOUNDED(limit=200)`."""

Declared = Counter | UpDownCounter | Gauge | Histogram

_KINDS: Final[dict[Kind, type[Declared]]] = {
    each.kind: each for each in (Counter, UpDownCounter, Gauge, Histogram)
}


class External:
    """Declares a metric that a library records itself through the OpenTelemetry API.

    The library gets one of our instruments, so the same rules apply; if it asks for a different kind or unit
    than declared, it gets the SDK's, which a View restricts to the listed attributes, limit and buckets.

    Raises:
        ValueError: The declaration is incomplete or malformed.
    """

    def __init__(
        self,
        name: str,
        *,
        kind: Kind,
        unit: str,
        description: str,
        recorded_by: str,
        attributes: Mapping[str, Allowed] | None = None,
        buckets: tuple[float, ...] = (),
        limit: int = DEFAULT_LIMIT,
    ) -> None:
        self.declaration = Declaration(
            name, kind, unit, description, attributes or {}, buckets, limit, recorded_by
        )

    @property
    def name(self) -> str:
        """The metric's name."""
        return self.declaration.name

    def instrument(self) -> Declared:
        """Creates the instrument that the library records into."""
        return _KINDS[self.declaration.kind].of(self.declaration)


class Catalogue:
    """A named set of declared metrics; `scope` is the instrumentation scope they are exported under.

    Raises:
        ValueError: Two metrics have the same name.
    """

    def __init__(self, scope: str, *metrics: Declared | External) -> None:
        self.scope = scope
        self.metrics = metrics
        names = [metric.name for metric in metrics]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"catalogue {scope!r} declares twice: {', '.join(twice)}")

    def __iter__(self) -> Iterator[Declared | External]:
        return iter(self.metrics)

    @property
    def instruments(self) -> tuple[Declared, ...]:
        """The metrics that we record ourselves."""
        return tuple(metric for metric in self.metrics if not isinstance(metric, External))

    @property
    def external(self) -> tuple[External, ...]:
        """The metrics that libraries record."""
        return tuple(metric for metric in self.metrics if isinstance(metric, External))


__all__ = [
    "ANY_BOUNDED",
    "BYTES",
    "OTHER",
    "SECONDS",
    "Allowed",
    "AnyText",
    "AttributeValue",
    "Catalogue",
    "Counter",
    "Declaration",
    "Declared",
    "External",
    "Gauge",
    "Histogram",
    "IntegerRange",
    "UpDownCounter",
]
