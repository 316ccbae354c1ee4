"""Declared instruments: cheap to call anywhere, bounded in memory, read by `otel.metrics.data`.

They keep their own sums and buckets instead of calling the SDK's instruments: the SDK (1.45.2) cleans,
copies and hashes the attributes on every call, about 20 µs of CPU for five of them, once more for every
reader, and never forgets what it counted before a fork.
"""

from __future__ import annotations

import logging
import math
import threading
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import Final, Generic, TypeVar

from opentelemetry.context import Context
from opentelemetry.metrics import Observation

from otel.metrics.attributes import OVERFLOW_KEY, Allowed, AttributeKey, AttributeRules
from otel.metrics.bound import NumberSeries
from otel.metrics.declaration import DEFAULT_LIMIT, Declaration, Kind
from otel.metrics.series import HistogramPoint, NumberPoint, Snapshot

Attributes = Mapping[str, object]
Observe = Callable[[], Iterable[Observation]]

_P = TypeVar("_P", NumberPoint, HistogramPoint)
_ALIASES_PER_SERIES: Final = 4
_MOST_ZEROES: Final = 64
_log = logging.getLogger(__name__)


class Instrument(Generic[_P]):
    """What all kinds share: the declaration, the series and their limit, and the count of what was lost.

    `lock` protects the series; `era` is another object after every `forget`.

    Recording never raises: an undeclared attribute is dropped and counted, a value that is not allowed
    becomes `_OTHER`, a series beyond the limit folds into `otel.metric.overflow=true`. Thread-safe.
    """

    def __init__(self, declaration: Declaration) -> None:
        self.declaration = declaration
        self.rules = AttributeRules(declaration.attributes)
        self.folded = 0
        self.refused = 0
        self.lock = threading.Lock()
        self.era = object()
        self._points: dict[AttributeKey, _P] = {}
        self._aliases: dict[tuple[tuple[str, object], ...], _P] = {}
        self._start()

    @property
    def name(self) -> str:
        """The metric's name."""
        return self.declaration.name

    def series(self) -> int:
        """Counts the series that are held."""
        return len(self._points)

    def snapshots(self, *, take_exemplars: bool = True) -> list[Snapshot]:
        """Returns every series as it stands now."""
        with self.lock:
            return [point.snapshot(take_exemplars=take_exemplars) for point in self._points.values()]

    def forget(self) -> None:
        """Starts again from nothing, as a forked child and a test must."""
        self.lock = threading.Lock()
        self.era = object()
        self.folded = self.refused = 0
        self.rules = AttributeRules(self.declaration.attributes)
        self._points, self._aliases = {}, {}
        self._start()

    def _start(self) -> None:
        """Makes the series that exist before the first measurement: none, unless a kind says so."""

    @abstractmethod
    def _new_point(self, key: AttributeKey) -> _P: ...

    def series_of(self, attributes: Attributes) -> tuple[_P, bool]:
        """Returns the series of `attributes`, and whether the rules took nothing away to find it."""
        point = self._resolve(attributes)
        return point, self._aliases.get(tuple(attributes.items())) is point

    def _resolve(self, attributes: Attributes | None) -> _P:
        """Finds or makes the series of attributes that were not seen in this order before."""
        with self.lock:
            key = self.rules.canonical(attributes) if attributes else ()
            point = self._points.get(key) or self._admit(key)
            self._remember(attributes, point)
            return point

    def _admit(self, key: AttributeKey) -> _P:
        if len(self._points) < self.declaration.limit:
            return self._points.setdefault(key, self._new_point(key))
        self.folded += 1
        return self._points.setdefault(OVERFLOW_KEY, self._new_point(OVERFLOW_KEY))

    def _remember(self, attributes: Attributes | None, point: _P) -> None:
        """Lets the next call with the same attributes skip the rules, unless the rules must count it."""
        if point.attributes == OVERFLOW_KEY:
            return
        alias = tuple(attributes.items()) if attributes else ()
        if alias and alias != point.attributes and dict(alias) != dict(point.attributes):
            return
        if len(self._aliases) >= self.declaration.limit * _ALIASES_PER_SERIES:
            self._aliases.clear()
        self._aliases[alias] = point


class _Number(Instrument[NumberPoint]):
    """An instrument whose series are one number each; callbacks can give the numbers instead of calls."""

    def __init__(
        self,
        kind: Kind,
        name: str,
        unit: str,
        description: str,
        attributes: Mapping[str, Allowed] | None,
        limit: int,
    ) -> None:
        self._callbacks: list[Observe] = []
        super().__init__(Declaration(name, kind, unit, description, attributes or {}, limit=limit))

    def observe(self, callback: Observe) -> Callable[[], None]:
        """Reads the numbers from `callback` at every collection; returns the undo.

        A monotonic counter's callback gives the running total. A callback that raises is logged and
        skipped, the others still report.
        """
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback) if callback in self._callbacks else None

    def with_attributes(self, attributes: Attributes) -> NumberSeries:
        """Returns the series of these attributes, for a caller that adds to it again and again."""
        return NumberSeries(self, attributes)

    def snapshots(self, *, take_exemplars: bool = True) -> list[Snapshot]:
        """Returns every series as it stands now, after asking the callbacks."""
        observed = {key: value for callback in list(self._callbacks) for key, value in self._ask(callback)}
        for key, value in observed.items():
            with self.lock:
                point = self._points.get(key) or self._admit(key)
                point.value = value
        if not self._callbacks:
            return super().snapshots(take_exemplars=take_exemplars)
        return [
            point
            for point in super().snapshots(take_exemplars=take_exemplars)
            if point.attributes in observed or point.attributes == OVERFLOW_KEY
        ]

    def _ask(self, callback: Observe) -> list[tuple[AttributeKey, float]]:
        try:
            return [
                (self.rules.canonical(seen.attributes or {}), seen.value)
                for seen in callback()
                if math.isfinite(seen.value)
            ]
        except Exception:  # noqa: BLE001 - one broken probe must not silence the other metrics
            _log.exception("the callback of metric %s failed", self.name)
            return []

    def _new_point(self, key: AttributeKey) -> NumberPoint:
        return NumberPoint(key)


class Counter(_Number):
    """Counts what only grows. With listed attribute values only, every series starts at zero.

    The zero lets Prometheus see the first increment. `unit` is UCUM, such as `{enrollment}`.

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
        super().__init__("counter", name, unit, description, attributes, limit)

    def add(
        self,
        amount: float = 1,
        attributes: Attributes | None = None,
        context: Context | None = None,  # noqa: ARG002 - the API's callers give it; only histograms need it
    ) -> None:
        """Adds `amount`, zero or more; a negative or non-finite one is refused and counted."""
        try:
            point = self._aliases[tuple(attributes.items()) if attributes else ()]
        except (KeyError, TypeError):
            point = self._resolve(attributes)
        if not 0 <= amount < math.inf:
            self.refused += 1
            return
        with self.lock:
            point.value += amount

    def _start(self) -> None:
        values = [rule for rule in self.declaration.attributes.values() if isinstance(rule, tuple)]
        listed = len(values) == len(self.declaration.attributes)
        if not listed or math.prod(len(each) for each in values) > _MOST_ZEROES:
            return
        for combination in product(*values):
            key = tuple(zip(self.declaration.attributes, combination, strict=True))
            self._points[key] = NumberPoint(key)


class UpDownCounter(_Number):
    """Counts what grows and shrinks, such as requests in flight.

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
        super().__init__("updowncounter", name, unit, description, attributes, limit)

    def add(
        self,
        amount: float,
        attributes: Attributes | None = None,
        context: Context | None = None,  # noqa: ARG002 - the API's callers give it; only histograms need it
    ) -> None:
        """Adds `amount`, which may be negative; a non-finite one is refused and counted."""
        try:
            point = self._aliases[tuple(attributes.items()) if attributes else ()]
        except (KeyError, TypeError):
            point = self._resolve(attributes)
        if not math.isfinite(amount):
            self.refused += 1
            return
        with self.lock:
            point.value += amount


class Gauge(_Number):
    """Keeps the last value, such as a temperature; sums of it make no sense.

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
        super().__init__("gauge", name, unit, description, attributes, limit)

    def set(
        self,
        value: float,
        attributes: Attributes | None = None,
        context: Context | None = None,  # noqa: ARG002 - the API's callers give it; only histograms need it
    ) -> None:
        """Replaces the value; a non-finite one is refused and counted."""
        try:
            point = self._aliases[tuple(attributes.items()) if attributes else ()]
        except (KeyError, TypeError):
            point = self._resolve(attributes)
        if not math.isfinite(value):
            self.refused += 1
            return
        with self.lock:
            point.value = value
