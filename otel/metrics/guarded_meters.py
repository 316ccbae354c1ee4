"""Guards the SDK's own instruments, which libraries record into: a bad measurement costs only itself.

The SDK (1.45.2) raises into its caller for an amount that is not a number, an invalid name or an attribute
that cannot be converted to text; it adds NaN and infinity to a sum, which never recovers; and it keeps
integers and texts that no exporter can encode, so that no metric of the process is exported.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from opentelemetry import metrics as api
from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Observation

from otel.encodable import Encodable
from otel.foreign.values import items_of
from otel.metrics.finite_sums import can_overflow
from otel.metrics.losses import Losses
from otel.metrics.self import count_unencodable

_ONLY_GROW: Final = frozenset({"counter", "observable_counter", "histogram"})
_encodable: Final = Encodable(count_unencodable)
_log = logging.getLogger(__name__)


class Redaction(Protocol):
    """Removes secrets from the texts of a metric."""

    def text(self, text: str) -> str:
        """Returns the text without secrets."""
        ...

    def labels(self, labels: Mapping[str, Any]) -> Mapping[str, Any]:
        """Returns a measurement's attributes without secrets."""
        ...


class GuardedMeterProvider(api.MeterProvider):
    """Provides meters of `inner` whose instruments record only what can be sent, without secrets.

    The rest is counted in `losses_of(name)`, by metric name. Attributes are redacted before the SDK
    aggregates: afterwards two series could be the same. A metric with a secret in its name is not recorded.
    """

    def __init__(
        self, inner: api.MeterProvider, losses_of: Callable[[str], Losses], redaction: Redaction
    ) -> None:
        self._inner = inner
        self._losses_of = losses_of
        self._redaction = redaction

    def get_meter(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Any = None,  # noqa: ANN401 - the API's own type
    ) -> api.Meter:
        """Returns a meter with guarded instruments."""
        scope = self._redaction.text(_encodable.text(name or ""))
        meter = self._inner.get_meter(
            scope,
            version and _encodable.text(version),
            schema_url and _encodable.text(schema_url),
            _attributes(attributes, Losses(), self._redaction),
        )
        return _GuardedMeter(scope, meter, self._losses_of, self._redaction)


class _GuardedMeter(api.Meter):
    def __init__(
        self, name: str, inner: api.Meter, losses_of: Callable[[str], Losses], redaction: Redaction
    ) -> None:
        super().__init__(name)
        self._inner = inner
        self._losses_of = losses_of
        self._redaction = redaction

    def create_counter(self, name: str, unit: str = "", description: str = "") -> Any:  # noqa: ANN401 - a guard, which is not a class of the API
        return self._guarded("counter", "add", name, unit, description)

    def create_up_down_counter(self, name: str, unit: str = "", description: str = "") -> Any:  # noqa: ANN401 - as above
        return self._guarded("up_down_counter", "add", name, unit, description)

    def create_gauge(self, name: str, unit: str = "", description: str = "") -> Any:  # noqa: ANN401 - as above
        return self._guarded("gauge", "set", name, unit, description)

    def create_histogram(
        self,
        name: str,
        unit: str = "",
        description: str = "",
        *,
        explicit_bucket_boundaries_advisory: Sequence[float] | None = None,
    ) -> Any:  # noqa: ANN401 - as above
        bounds = {"explicit_bucket_boundaries_advisory": explicit_bucket_boundaries_advisory}
        return self._guarded("histogram", "record", name, unit, description, **bounds)

    def create_observable_counter(
        self,
        name: str,
        callbacks: Sequence[api.CallbackT] | None = None,
        unit: str = "",
        description: str = "",
    ) -> Any:  # noqa: ANN401 - the SDK's, or one that does nothing
        return self._observing("observable_counter", name, callbacks, unit, description)

    def create_observable_gauge(
        self,
        name: str,
        callbacks: Sequence[api.CallbackT] | None = None,
        unit: str = "",
        description: str = "",
    ) -> Any:  # noqa: ANN401 - as above
        return self._observing("observable_gauge", name, callbacks, unit, description)

    def create_observable_up_down_counter(
        self,
        name: str,
        callbacks: Sequence[api.CallbackT] | None = None,
        unit: str = "",
        description: str = "",
    ) -> Any:  # noqa: ANN401 - as above
        return self._observing("observable_up_down_counter", name, callbacks, unit, description)

    def _guarded(
        self,
        kind: str,
        method: str,
        name: str,
        unit: str,
        description: str,
        **options: object,
    ) -> _Guarded:
        made = self._made(kind, name, unit=unit, description=description, **options)
        losses = self._losses_of(_encodable.text(name))
        summed = None if kind == "gauge" else id(made)
        return _Guarded(getattr(made, method), losses, kind not in _ONLY_GROW, self._redaction, summed)

    def _observing(
        self,
        kind: str,
        name: str,
        callbacks: Sequence[api.CallbackT] | None,
        unit: str,
        description: str,
    ) -> object:
        losses = self._losses_of(_encodable.text(name))
        guarded = [
            _guarded_callback(each, losses, kind not in _ONLY_GROW, self._redaction)
            for each in callbacks or ()
        ]
        return self._made(kind, name, unit=unit, description=description, callbacks=guarded)

    def _made(self, kind: str, name: str, *, unit: str, description: str, **options: object) -> object:
        clean = self._redaction.text
        try:
            make = getattr(self._inner, f"create_{kind}")
            told = clean(_encodable.text(description or ""))
            unit = unit if clean(unit) == unit else ""
            return make(_allowed(name, clean), unit=unit, description=told, **options)
        except Exception as error:  # noqa: BLE001 - the SDK raises for invalid names and units
            _log.warning("a library's %s is not recorded: %s", kind, _encodable.text(str(error)))
            return getattr(api.NoOpMeter("refused"), f"create_{kind}")("refused")


def _allowed(name: str, clean: Callable[[str], str]) -> str:
    if clean(name) != name:
        raise ValueError("its name contains a secret or personal data")
    return name


class _Guarded:
    """One synchronous instrument; it has the method of every kind, so also that of its own."""

    __slots__ = ("_losses", "_may_be_negative", "_measure", "_redaction", "_summed")

    def __init__(
        self,
        measure: Callable[..., None],
        losses: Losses,
        may_be_negative: bool,  # noqa: FBT001 - private
        redaction: Redaction,
        summed: int | None,  # names the SDK's instrument if it adds up; two guards may share one
    ) -> None:
        self._redaction = redaction
        self._measure = measure
        self._losses = losses
        self._may_be_negative = may_be_negative
        self._summed = summed

    def add(
        self, amount: float, attributes: Mapping[str, Any] | None = None, context: Context | None = None
    ) -> None:
        number = self._losses.admitted(amount, may_be_negative=self._may_be_negative)
        if number is None:
            return
        try:
            clean = _attributes(attributes, self._losses, self._redaction)
            if self._summed is not None and can_overflow(number):
                self._add_large(self._summed, number, clean, context)
            else:
                self._measure(number, clean, context)
        except Exception:  # noqa: BLE001 - a foreign context or attribute may make the SDK raise anything
            self._losses.refuse("failed")

    set = record = add

    def _add_large(
        self, instrument: int, number: float, attributes: Mapping[str, Any] | None, context: Context | None
    ) -> None:
        if not self._losses.sums.record(
            instrument, number, attributes, lambda: self._measure(number, attributes, context)
        ):
            self._losses.refuse("not_finite")


def _guarded_callback(
    callback: api.CallbackT,
    losses: Losses,
    may_be_negative: bool,  # noqa: FBT001 - private
    redaction: Redaction,
) -> api.CallbackT:
    if isinstance(callback, Generator):
        next(callback)  # to its first `yield`, which takes the options (API specification)
        ask: Callable[[CallbackOptions], Iterable[Observation]] = callback.send
    else:
        ask = callback

    def observe(options: CallbackOptions) -> Iterable[Observation]:
        for seen in ask(options):
            number = losses.admitted(getattr(seen, "value", None), may_be_negative=may_be_negative)
            if number is not None:
                yield Observation(number, _attributes(seen.attributes, losses, redaction), seen.context)

    return observe


def _attributes(attributes: Any, losses: Losses, redaction: Redaction) -> Mapping[str, Any] | None:  # noqa: ANN401 - whatever is given
    if attributes is None:
        return None
    try:
        encodable = _encodable.attributes(
            attributes if type(attributes) is dict else dict(items_of(attributes))
        )
        return redaction.labels(encodable)
    except Exception:  # noqa: BLE001 - what is no mapping raises, a foreign one what it likes
        losses.dropped += 1
        return None
