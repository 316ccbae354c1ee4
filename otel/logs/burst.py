"""One message a thousand times is one fact and a number: the limiter of repeated records."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

_MOST_MESSAGES: Final = 1024


class Message(NamedTuple):
    """What makes two records the same: the logger, the level and the text before its arguments are put in."""

    logger: str
    level: int
    text: str


@dataclass(slots=True)
class _Window:
    ends: float
    seen: int


class BurstLimiter:
    """Lets `limit` records of one message through per `seconds`, counts the rest, and reports the count.

    Memory is bounded: at most 1,024 messages are followed; the oldest is reported and forgotten for a new
    one. A limit of 0 lets everything through. The caller serialises the calls.
    """

    def __init__(self, limit: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._seconds = seconds
        self._clock = clock
        self._windows: dict[Message, _Window] = {}
        self._next_sweep = clock() + seconds

    def admit(self, message: Message) -> int | None:
        """Return None if this record is one too many, else how many of its kind were held back before it."""
        if self._limit == 0:
            return 0
        window = self._windows.get(message)
        if window is None:
            self._windows[message] = _Window(self._clock() + self._seconds, 1)
            return 0
        now = self._clock()
        if now < window.ends:
            window.seen += 1
            return 0 if window.seen <= self._limit else None
        held_back = max(0, window.seen - self._limit)
        window.ends, window.seen = now + self._seconds, 1
        return held_back

    def reports(self) -> Iterator[tuple[Message, int]]:
        """Yield the ended bursts that no later record has reported, at most once per window length."""
        now = self._clock()
        if now < self._next_sweep and len(self._windows) <= _MOST_MESSAGES:
            return
        self._next_sweep = now + self._seconds
        ended = [message for message, window in self._windows.items() if window.ends <= now]
        overflow = max(0, len(self._windows) - len(ended) - _MOST_MESSAGES)
        alive = [message for message, window in self._windows.items() if window.ends > now]
        yield from self._forget(ended + alive[:overflow])

    def drain(self) -> Iterator[tuple[Message, int]]:
        """Yield every count that is still open; for the end of the process."""
        yield from self._forget(list(self._windows))

    def _forget(self, messages: list[Message]) -> Iterator[tuple[Message, int]]:
        for message in messages:
            held_back = self._windows.pop(message).seen - self._limit
            if held_back > 0:
                yield message, held_back
