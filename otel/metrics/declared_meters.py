"""Provides our declared instruments to code that records through the OpenTelemetry API: the SDK, libraries.

So the declared rules apply to their metrics too, losses are counted in the same place, and a measurement
costs a third of what it does in the SDK's own instruments.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, cast

from opentelemetry import metrics as api
from opentelemetry.metrics import CallbackOptions, Observation

from otel.metrics.catalogue import Declared, Histogram
from otel.metrics.declaration import Kind

Find = Callable[[str, Kind, str], Declared | None]
"""Looks an instrument up by name, kind and unit; None leaves it to the SDK."""


class DeclaredMeterProvider(api.MeterProvider):
    """Provides the instruments that `find` knows, and `fallback`'s for all others."""

    def __init__(self, fallback: api.MeterProvider, find: Find) -> None:
        self._fallback = fallback
        self._find = find

    def get_meter(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Any = None,  # noqa: ANN401 - the API's own type
    ) -> api.Meter:
        """Returns a meter that provides the declared instruments by name."""
        return _DeclaredMeter(
            name, self._find, self._fallback.get_meter(name, version, schema_url, attributes)
        )


class _DeclaredMeter(api.Meter):
    def __init__(self, name: str, find: Find, fallback: api.Meter) -> None:
        super().__init__(name)
        self._find = find
        self._fallback = fallback

    def create_counter(self, name: str, unit: str = "", description: str = "") -> api.Counter:
        found = self._find(name, "counter", unit) or self._fallback.create_counter(name, unit, description)
        return cast("api.Counter", found)

    def create_up_down_counter(self, name: str, unit: str = "", description: str = "") -> api.UpDownCounter:
        found = self._find(name, "updowncounter", unit)
        return cast(
            "api.UpDownCounter", found or self._fallback.create_up_down_counter(name, unit, description)
        )

    def create_gauge(self, name: str, unit: str = "", description: str = "") -> Any:  # noqa: ANN401 - the API does not export the type
        return self._find(name, "gauge", unit) or self._fallback.create_gauge(name, unit, description)

    def create_histogram(
        self,
        name: str,
        unit: str = "",
        description: str = "",
        *,
        explicit_bucket_boundaries_advisory: Sequence[float] | None = None,
    ) -> api.Histogram:
        found = self._find(name, "histogram", unit) or self._fallback.create_histogram(
            name, unit, description, explicit_bucket_boundaries_advisory=explicit_bucket_boundaries_advisory
        )
        return cast("api.Histogram", found)

    def create_observable_counter(
        self,
        name: str,
        callbacks: Sequence[api.CallbackT] | None = None,
        unit: str = "",
        description: str = "",
    ) -> api.ObservableCounter:
        found = self._find(name, "counter", unit)
        return _observing(found, callbacks) or self._fallback.create_observable_counter(
            name, callbacks, unit, description
        )

    def create_observable_gauge(
        self,
        name: str,
        callbacks: Sequence[api.CallbackT] | None = None,
        unit: str = "",
        description: str = "",
    ) -> api.ObservableGauge:
        found = self._find(name, "gauge", unit)
        return _observing(found, callbacks) or self._fallback.create_observable_gauge(
            name, callbacks, unit, description
        )

    def create_observable_up_down_counter(
        self,
        name: str,
        callbacks: Sequence[api.CallbackT] | None = None,
        unit: str = "",
        description: str = "",
    ) -> api.ObservableUpDownCounter:
        found = self._find(name, "updowncounter", unit)
        return _observing(found, callbacks) or self._fallback.create_observable_up_down_counter(
            name, callbacks, unit, description
        )


def _observing(found: Declared | None, callbacks: Sequence[api.CallbackT] | None) -> Any:  # noqa: ANN401 - stands for each of the API's types
    """Attaches a library's callbacks to a declared instrument and returns it."""
    if found is None or isinstance(found, Histogram):
        return None
    for callback in callbacks or ():
        found.observe(_asking(callback))
    return found


def _asking(callback: api.CallbackT) -> Callable[[], Iterable[Observation]]:
    if isinstance(callback, Generator):
        next(callback)  # advances to its first `yield`, which receives the options (API specification)
        return lambda: callback.send(CallbackOptions())
    return lambda: callback(CallbackOptions())
