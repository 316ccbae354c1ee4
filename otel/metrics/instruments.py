"""Base of the declared instruments: cheap to call anywhere, bounded in memory, read by `otel.metrics.data`.

They keep their own sums and buckets instead of calling the SDK's instruments: the SDK (1.45.2) cleans,
copies and hashes the attributes on every call and again for every reader, about 20 µs of CPU for five of
them, and never resets its counts after a fork.
"""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, Final, Generic, Self, TypeVar

from otel.foreign.values import items_of
from otel.metrics.attributes import OVERFLOW_KEY, AttributeKey, AttributeRules, AttributeValue
from otel.metrics.declaration import Declaration, Kind
from otel.metrics.losses import Losses
from otel.metrics.series import HistogramPoint, NumberPoint, Snapshot

Attributes = Mapping[str, object]

_P = TypeVar("_P", NumberPoint, HistogramPoint)
_ALIASES_PER_SERIES: Final = 4


def alias_of(attributes: Attributes | None) -> tuple[tuple[str, object], ...]:
    """Returns the cache key of a call: its attributes in the order given."""
    return tuple(items_of(attributes))


class Instrument(Generic[_P]):
    """Common base of all kinds: the declaration, the series and their limit, and the losses.

    `lock` protects the series; it is reentrant, because a signal handler may record while its thread does.
    `era` is a new object whenever series ended; `least` is the smallest amount that needs no further check.

    Recording never raises: an undeclared attribute is dropped and counted, a value that is not allowed
    becomes `_OTHER`, a series beyond the limit folds into `otel.metric.overflow=true`, and an amount that is
    not a finite number is rejected and counted. Thread-safe.
    """

    kind: ClassVar[Kind]
    least: ClassVar[int] = 0

    @classmethod
    def of(cls, declaration: Declaration) -> Self:
        """Creates the instrument of a declaration."""
        made = cls.__new__(cls)
        made.set_up(declaration)
        return made

    def set_up(self, declaration: Declaration) -> None:
        """Initialises the instrument from `declaration`; called by its constructors."""
        self.declaration = declaration
        self.forget()

    @property
    def name(self) -> str:
        """The metric's name."""
        return self.declaration.name

    def series(self) -> int:
        """Counts the series in memory."""
        return len(self._points)

    def snapshots(self, *, take_exemplars: bool = True) -> list[Snapshot]:
        """Returns a snapshot of every series."""
        with self.lock:
            return [point.snapshot(take_exemplars=take_exemplars) for point in self._points.values()]

    def forget(self) -> None:
        """Resets the instrument, as a forked child and a test must."""
        self.lock = threading.RLock()
        self.era = object()
        self.losses = Losses()
        self._rules = AttributeRules(self.declaration.attributes, self.losses)
        self._points: dict[AttributeKey, _P] = {}
        # A cached call's attributes equal those of its series by Python's `==`, as the rules compare them.
        self._aliases: dict[tuple[tuple[str, object], ...], _P] = {}
        self._start()

    def retain(self, wanted: Callable[[Mapping[str, AttributeValue]], bool]) -> None:
        """Ends every series whose attributes are not `wanted`: it is exported no more and takes no room.

        For values that come and go, such as weeks or versions. What a series counted since the last export
        is lost with it; a measurement with its attributes begins it again.
        """
        self._keep(lambda key: wanted(dict(key)))

    def _keep(self, wanted: Callable[[AttributeKey], bool]) -> None:
        with self.lock:
            kept = {key: point for key, point in self._points.items() if key == OVERFLOW_KEY or wanted(key)}
            self._rules.release(kept)
            if len(kept) < len(self._points):
                self._points, self._aliases, self.era = kept, {}, object()

    def _start(self) -> None:
        """Creates the series that exist before the first measurement: none by default."""

    @abstractmethod
    def _new_point(self, key: AttributeKey) -> _P: ...

    def find(self, attributes: Attributes | None) -> tuple[_P, bool]:
        """Applies the rules; returns the series, and whether the next call may skip them."""
        with self.lock:
            key = self._rules.canonical(attributes) if attributes is not None else ()
            point = self._points.get(key) or self._admit(key)
            return point, self._remember(attributes, point)

    def _admit(self, key: AttributeKey) -> _P:
        if len(self._points) < self.declaration.limit:
            return self._points.setdefault(key, self._new_point(key))
        self.losses.folded += 1
        return self._points.setdefault(OVERFLOW_KEY, self._new_point(OVERFLOW_KEY))

    def _remember(self, attributes: Attributes | None, point: _P) -> bool:
        """Lets the next call with the same attributes skip the rules, unless they must count its losses."""
        if point.attributes == OVERFLOW_KEY:
            return False
        try:
            alias = alias_of(attributes)
            if alias != point.attributes and dict(alias) != dict(point.attributes):
                return False
            if len(self._aliases) >= self.declaration.limit * _ALIASES_PER_SERIES:
                self._aliases.clear()
            self._aliases[alias] = point
        except Exception:  # noqa: BLE001 - values of foreign types compare and hash as they like
            return False
        return True

    def checked(self, amount: object) -> int | float | None:
        """Converts any amount to a plain number; None if it was rejected, which is counted."""
        return self.losses.admitted(amount, may_be_negative=self.least < 0)


class OneSeries(Generic[_P]):
    """A series looked up once by its caller: recording into it skips the attributes.

    For attributes that repeat with every request or span. It stays valid when the instrument is reset, as
    after a fork. Thread-safe.
    """

    __slots__ = ("_attributes", "_era", "_instrument", "_point")

    _instrument: Instrument[_P]
    _point: _P

    def __init__(self, instrument: Instrument[_P], attributes: Attributes) -> None:
        self._instrument = instrument
        self._attributes = dict(attributes) if type(attributes) is dict else attributes
        self._era: object = None

    def _find(self) -> _P:
        """Finds the series by the rules; caches it unless they must count every measurement's losses."""
        era = self._instrument.era
        point: _P
        point, kept = self._instrument.find(self._attributes)
        if kept:
            self._point, self._era = point, era
        return point
