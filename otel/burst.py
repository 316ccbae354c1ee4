"""Limits repeated log records and error reports: the first few pass, the rest are only counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

from otel.foreign.failure import stack_of
from otel.foreign.names import module_name, type_name

Kind = TypeVar("Kind", bound=Hashable)
_MOST_KINDS: Final = 1024


class Failure(NamedTuple):
    """Identifies a failure by exception type, route, and the function and line that raised.

    Without an exception, by the route alone.
    """

    error: str
    route: str | None
    function: str = ""
    line: int = 0

    def facts(self) -> dict[str, str]:
        """Returns the attributes a log record carries for it, named by the semantic conventions."""
        facts = {"exception.type": self.error.removeprefix("builtins."), "http.route": self.route}
        return {name: value for name, value in facts.items() if value}


class Message(NamedTuple):
    """Identifies a log record by logger, level, unformatted message and failure."""

    logger: str
    level: int
    text: str
    failure: Failure | None = None


def failure_of(error: BaseException | None, route: str | None) -> Failure:
    """Returns the key that `error` is counted under; `route` is that of the failed request, if any."""
    if error is None:
        return Failure("", route)
    kind, stack = type(error), stack_of(error)
    name = f"{module_name(kind)}.{type_name(kind)}"
    if stack is None:
        return Failure(name, route)
    while stack.tb_next is not None:
        stack = stack.tb_next
    frame = stack.tb_frame
    function = f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}"
    return Failure(name, route, function, stack.tb_lineno)


@dataclass(slots=True)
class _Window:
    ends: float
    seen: int


class BurstLimiter(Generic[Kind]):
    """Lets `limit` items of one kind through per `seconds`, counts the rest, and reports the count.

    Memory is bounded: it tracks at most 1,024 kinds, and reports and evicts the oldest to make room. A limit
    of 0 lets everything through. Not thread-safe: the caller serialises the calls.
    """

    def __init__(self, limit: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._seconds = seconds
        self._clock = clock
        self._windows: dict[Kind, _Window] = {}
        self._next_sweep = clock() + seconds

    def admit(self, kind: Kind) -> int | None:
        """Return None if this item is over the limit, else how many of its kind were held back before it."""
        if self._limit == 0:
            return 0
        window = self._windows.get(kind)
        if window is None:
            self._windows[kind] = _Window(self._clock() + self._seconds, 1)
            return 0
        now = self._clock()
        if now < window.ends:
            window.seen += 1
            return 0 if window.seen <= self._limit else None
        held_back = max(0, window.seen - self._limit)
        window.ends, window.seen = now + self._seconds, 1
        return held_back

    def reports(self) -> Iterator[tuple[Kind, int]]:
        """Yield the finished bursts that no later item has reported, at most once per window length."""
        now = self._clock()
        if now < self._next_sweep and len(self._windows) <= _MOST_KINDS:
            return
        self._next_sweep = now + self._seconds
        ended = [kind for kind, window in self._windows.items() if window.ends <= now]
        overflow = max(0, len(self._windows) - len(ended) - _MOST_KINDS)
        alive = [kind for kind, window in self._windows.items() if window.ends > now]
        yield from self._pop(ended + alive[:overflow])

    def drain(self) -> Iterator[tuple[Kind, int]]:
        """Yield every count that is still open; called when the process ends."""
        yield from self._pop(list(self._windows))

    def forget(self) -> None:
        """Discards all counts, as a forked child must: the parent reports what it held back itself."""
        self._windows = {}

    def _pop(self, kinds: list[Kind]) -> Iterator[tuple[Kind, int]]:
        for kind in kinds:
            held_back = self._windows.pop(kind).seen - self._limit
            if held_back > 0:
                yield kind, held_back
