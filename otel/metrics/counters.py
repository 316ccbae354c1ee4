"""Declared instruments whose series are single numbers: counters and the gauge."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import Final

from opentelemetry.context import Context
from opentelemetry.metrics import Observation

from otel.metrics.amount import UNUSUAL
from otel.metrics.attributes import OVERFLOW_KEY, Allowed, AttributeKey
from otel.metrics.declaration import DEFAULT_LIMIT, Declaration
from otel.metrics.instruments import Attributes, Instrument, OneSeries, alias_of
from otel.metrics.series import NumberPoint, Snapshot

Observe = Callable[[], Iterable[Observation]]

_MOST_ZEROES: Final = 64
_log = logging.getLogger(__name__)


class NumberSeries(OneSeries[NumberPoint]):
    """One series of a counter."""

    __slots__ = ("_least",)
    _instrument: _Sum

    def __init__(self, instrument: _Sum, attributes: Attributes) -> None:
        super().__init__(instrument, attributes)
        self._least = instrument.least

    def add(self, amount: float) -> None:
        """Adds `amount` as the instrument does."""
        instrument = self._instrument
        if (type(amount) is not int and type(amount) is not float) or not self._least <= amount < UNUSUAL:
            instrument.add(amount, self._attributes)
            return
        point = self._point if self._era is instrument.era else self._find()
        with instrument.lock:
            point.value += amount


class _Number(Instrument[NumberPoint]):
    """An instrument whose series are single numbers, set by calls or by callbacks.

    Raises:
        ValueError: The declaration is incomplete or malformed.
    """

    def __init__(
        self,
        name: str,
        *,
        unit: str,
        description: str,
        attributes: Mapping[str, Allowed] | None = None,
        limit: int = DEFAULT_LIMIT,
    ) -> None:
        self.set_up(Declaration(name, self.kind, unit, description, attributes or {}, limit=limit))

    def set_up(self, declaration: Declaration) -> None:
        """Initialises the instrument from `declaration`; called by its constructors."""
        self._callbacks: list[Observe] = []
        super().set_up(declaration)

    def observe(self, callback: Observe) -> Callable[[], None]:
        """Reads the numbers from `callback` at every collection; returns a function that undoes it.

        A monotonic counter's callback returns the running total. A callback that raises is logged and
        skipped; the others still report.
        """
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback) if callback in self._callbacks else None

    def snapshots(self, *, take_exemplars: bool = True) -> list[Snapshot]:
        """Returns a snapshot of every series, after calling the callbacks."""
        callbacks = list(self._callbacks)
        if not callbacks:
            return super().snapshots(take_exemplars=take_exemplars)
        with self.lock:
            self._rules.release(())  # the texts of the last collection take no room in this one
        observed = {key: value for callback in callbacks for key, value in self._ask(callback)}
        with self.lock:
            if len(self._points.keys() | observed.keys()) > self.declaration.limit:
                self._keep(observed.__contains__)
            for key, value in observed.items():
                point = self._points.get(key) or self._admit(key)
                point.value = value
            found = super().snapshots(take_exemplars=take_exemplars)
        return [each for each in found if each.attributes in observed or each.attributes == OVERFLOW_KEY]

    def _ask(self, callback: Observe) -> list[tuple[AttributeKey, float]]:
        found: list[tuple[AttributeKey, float]] = []
        try:
            for seen in callback():
                value = self.checked(getattr(seen, "value", None))
                if value is not None:
                    found.append((self._key(seen.attributes), value))
        except Exception:  # noqa: BLE001 - one broken probe must not silence the other metrics
            _log.exception("the callback of metric %s failed", self.name)
        return found

    def _key(self, attributes: Attributes | None) -> AttributeKey:
        with self.lock:
            return () if attributes is None else self._rules.canonical(attributes)

    def _new_point(self, key: AttributeKey) -> NumberPoint:
        return NumberPoint(key)


class _Sum(_Number):
    def add(
        self,
        amount: float = 1,
        attributes: Attributes | None = None,
        context: Context | None = None,  # noqa: ARG002 - the API's callers pass it; only histograms need it
    ) -> None:
        """Adds `amount`; rejects one that is not finite, or negative in a monotonic sum."""
        if (type(amount) is not int and type(amount) is not float) or not self.least <= amount < UNUSUAL:
            self._add_unusual(amount, attributes)
            return
        try:
            point = self._aliases[
                tuple(attributes.items()) if type(attributes) is dict else alias_of(attributes)
            ]
        except Exception:  # noqa: BLE001 - KeyError for new attributes, anything for those of foreign types
            point, _ = self.find(attributes)
        with self.lock:
            point.value += amount

    def _add_unusual(self, amount: object, attributes: Attributes | None) -> None:
        number = self.checked(amount)
        if number is None:
            return
        with self.lock:
            point, _ = self.find(attributes)
            total = point.value + number
            if math.isfinite(total):
                point.value = total
            else:
                self.losses.refuse("not_finite")

    def with_attributes(self, attributes: Attributes) -> NumberSeries:
        """Returns the series of these attributes, for a caller that adds to it repeatedly."""
        return NumberSeries(self, attributes)


class Counter(_Sum):
    """A monotonic counter. If all attribute values are listed, every series starts at zero.

    The zero lets Prometheus see the first increment. `unit` is UCUM, such as `{enrollment}`.
    Amounts may be integers or floats. A sum of integers is exact up to 64 bits. With a float in it, or beyond
    64 bits, it is a float: above 2**53 an increment of 1 is lost (IEEE 754, 53 bits of precision).

    Raises:
        ValueError: The declaration is incomplete or malformed.
    """

    kind = "counter"

    def _start(self) -> None:
        values = [rule for rule in self.declaration.attributes.values() if isinstance(rule, tuple)]
        listed = len(values) == len(self.declaration.attributes)
        if not listed or math.prod(len(each) for each in values) > _MOST_ZEROES:
            return
        for combination in product(*values):
            key = tuple(zip(self.declaration.attributes, combination, strict=True))
            self._points[key] = NumberPoint(key)


class UpDownCounter(_Sum):
    """A counter that can also decrease, such as requests in flight.

    Raises:
        ValueError: The declaration is incomplete or malformed.
    """

    kind = "updowncounter"
    least = -UNUSUAL


class Gauge(_Number):
    """Keeps the last value, such as a temperature, where sums make no sense.

    Raises:
        ValueError: The declaration is incomplete or malformed.
    """

    kind = "gauge"
    least = -UNUSUAL

    def set(
        self,
        value: float,
        attributes: Attributes | None = None,
        context: Context | None = None,  # noqa: ARG002 - the API's callers pass it; only histograms need it
    ) -> None:
        """Replaces the value; one that is not finite is rejected and counted."""
        if (type(value) is not int and type(value) is not float) or not self.least <= value < UNUSUAL:
            checked = self.checked(value)
            if checked is None:
                return
            value = checked
        try:
            point = self._aliases[
                tuple(attributes.items()) if type(attributes) is dict else alias_of(attributes)
            ]
        except Exception:  # noqa: BLE001 - as in `add`
            point, _ = self.find(attributes)
        with self.lock:
            point.value = value
