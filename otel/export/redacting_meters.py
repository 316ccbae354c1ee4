"""Meters of OpenTelemetry's plain API whose names, descriptions and attributes hold no secret.

What happens before the SDK adds up: masked afterwards, two series would have the same attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any, Final

from opentelemetry import metrics as api
from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.util.types import Attributes

from otel.export.redacting import redacted_value
from otel.redaction.engine import Redactor

_NOTHING: Final = api.NoOpMeter("a name that is a secret")
_Clean = Callable[[Attributes], Attributes]


class RedactingMeterProvider(api.MeterProvider):
    """Gives out meters of `inner`; what they measure reaches it with masked attributes.

    An instrument whose name looks like a secret measures nothing, and such a unit is left out.
    """

    def __init__(self, inner: api.MeterProvider, redactor: Redactor) -> None:
        self._inner = inner
        self._redactor = redactor

    def get_meter(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Any = None,  # noqa: ANN401 - the API's own type
    ) -> api.Meter:
        """Returns a meter of the inner provider, behind the redaction."""
        clean = self._redactor.text(name)
        return _Meter(clean, self._inner.get_meter(clean, version, schema_url, attributes), self._redactor)


class _Adding(api.Counter, api.UpDownCounter):
    def __init__(self, inner: api.Counter | api.UpDownCounter, clean: _Clean) -> None:
        self._inner = inner
        self._clean = clean

    def add(self, amount: float, attributes: Attributes = None, context: Context | None = None) -> None:
        self._inner.add(amount, self._clean(attributes), context)


class _Recording(api.Histogram):
    def __init__(self, inner: api.Histogram, clean: _Clean) -> None:
        self._inner = inner
        self._clean = clean

    def record(self, amount: float, attributes: Attributes = None, context: Context | None = None) -> None:
        self._inner.record(amount, self._clean(attributes), context)


class _Setting(api._Gauge):  # noqa: SLF001 - the API exports the class under no other name
    def __init__(self, inner: Any, clean: _Clean) -> None:  # noqa: ANN401 - as above
        self._inner = inner
        self._clean = clean

    def set(self, amount: float, attributes: Attributes = None, context: Context | None = None) -> None:
        self._inner.set(amount, self._clean(attributes), context)


class _Meter(api.Meter):
    def __init__(self, name: str, inner: api.Meter, redactor: Redactor) -> None:
        super().__init__(name)
        self._inner = inner
        self._redactor = redactor

    def create_counter(self, name: str, unit: str = "", description: str = "") -> api.Counter:
        made = self._of(name).create_counter(name, *self._facts(unit, description))
        return _Adding(made, self._attributes)

    def create_up_down_counter(self, name: str, unit: str = "", description: str = "") -> api.UpDownCounter:
        made = self._of(name).create_up_down_counter(name, *self._facts(unit, description))
        return _Adding(made, self._attributes)

    def create_gauge(self, name: str, unit: str = "", description: str = "") -> Any:  # noqa: ANN401 - the API does not export the type
        return _Setting(self._of(name).create_gauge(name, *self._facts(unit, description)), self._attributes)

    def create_histogram(
        self,
        name: str,
        unit: str = "",
        description: str = "",
        *,
        explicit_bucket_boundaries_advisory: Sequence[float] | None = None,
    ) -> api.Histogram:
        made = self._of(name).create_histogram(
            name,
            *self._facts(unit, description),
            explicit_bucket_boundaries_advisory=explicit_bucket_boundaries_advisory,
        )
        return _Recording(made, self._attributes)

    def create_observable_counter(
        self,
        name: str,
        callbacks: Sequence[api.CallbackT] | None = None,
        unit: str = "",
        description: str = "",
    ) -> api.ObservableCounter:
        facts = self._facts(unit, description)
        return self._of(name).create_observable_counter(name, self._asked(callbacks), *facts)

    def create_observable_gauge(
        self,
        name: str,
        callbacks: Sequence[api.CallbackT] | None = None,
        unit: str = "",
        description: str = "",
    ) -> api.ObservableGauge:
        facts = self._facts(unit, description)
        return self._of(name).create_observable_gauge(name, self._asked(callbacks), *facts)

    def create_observable_up_down_counter(
        self,
        name: str,
        callbacks: Sequence[api.CallbackT] | None = None,
        unit: str = "",
        description: str = "",
    ) -> api.ObservableUpDownCounter:
        facts = self._facts(unit, description)
        return self._of(name).create_observable_up_down_counter(name, self._asked(callbacks), *facts)

    def _of(self, name: str) -> api.Meter:
        return self._inner if self._redactor.text(name) == name else _NOTHING

    def _facts(self, unit: str, description: str) -> tuple[str, str]:
        redactor = self._redactor
        return unit if redactor.text(unit) == unit else "", redactor.text(description)

    def _asked(self, callbacks: Sequence[api.CallbackT] | None) -> list[api.CallbackT]:
        return [self._asking(callback) for callback in callbacks or ()]

    def _asking(self, callback: api.CallbackT) -> api.CallbackT:
        ask: Callable[[CallbackOptions], Iterable[Observation]]
        if isinstance(callback, Generator):
            next(callback)  # to its first `yield`, which takes the options (API specification)
            ask = callback.send
        else:
            ask = callback
        return lambda options: [
            Observation(each.value, self._attributes(each.attributes), each.context) for each in ask(options)
        ]

    def _attributes(self, attributes: Attributes) -> Attributes:
        return clean_labels(self._redactor, attributes) if attributes else attributes


def clean_labels(redactor: Redactor, attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the attributes of a measurement without secrets, or themselves if they are clean."""
    clean = {redactor.text(name): redacted_value(redactor, name, value) for name, value in attributes.items()}
    return attributes if clean == attributes else clean
