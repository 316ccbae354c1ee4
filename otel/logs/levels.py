"""Log levels that can be changed at run time and that revert by themselves."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from otel.foreign.values import text_of

LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}
LONGEST_SECONDS: Final = 86_400.0
_MOST_OVERRIDES: Final = 100


@dataclass(frozen=True, slots=True)
class LevelOverride:
    """One changed level: the logger's name ("" is the root), the level's name, seconds until it reverts."""

    logger: str
    level: str
    seconds_left: float


@dataclass(frozen=True, slots=True)
class _Active:
    level: int
    name: str
    until: float
    original: int


class LevelOverrides:
    """Temporary levels of loggers and their descendants.

    A lower level is set on the stdlib logger; a higher one is applied by `refuses`, which the pipeline calls
    for every record. So no timer is needed: an expired override is undone by the next record that it lets
    through, and one that suppresses records simply stops applying.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._active: dict[str, _Active] = {}

    def set(self, logger: str, level: str, seconds: float) -> LevelOverride:
        """Applies `level` to `logger` and those below it for `seconds`; replaces an earlier override.

        Raises:
            ValueError: The level is unknown, the time is not within 1 s and 1 day, or too many are active.
        """
        if not issubclass(type(logger), str):
            raise ValueError(f"logger: {text_of(logger, 80)} is not a name, pass a string")  # noqa: TRY004 - as documented
        # Through `str`'s own methods: a StrEnum member is a str, and a subclass may override anything.
        logger, name = str.__str__(logger), str.lower(level) if issubclass(type(level), str) else ""
        if name not in LEVELS:
            raise ValueError(f"level: {text_of(level, 80)!r} is unknown, use one of {', '.join(LEVELS)}")
        if type(seconds) not in (int, float) or not 1 <= seconds <= LONGEST_SECONDS:
            raise ValueError(f"seconds: {text_of(seconds, 80)} is not between 1 and {LONGEST_SECONDS:.0f}")
        with self._lock:
            self._end_due()
            self._end(logger)
            if len(self._active) >= _MOST_OVERRIDES:
                raise ValueError(f"logger: {_MOST_OVERRIDES} levels are already overridden, reset one first")
            self._begin(logger, name, self._clock() + seconds)
        return LevelOverride(logger, name, seconds)

    def reset(self, logger: str) -> bool:
        """Ends the override of `logger` now; returns whether there was one."""
        with self._lock:
            return issubclass(type(logger), str) and self._end(str.__str__(logger))

    def reset_all(self) -> None:
        """Ends every override now."""
        with self._lock:
            for logger in list(self._active):
                self._end(logger)

    def current(self) -> list[LevelOverride]:
        """Return the active overrides."""
        with self._lock:
            self._end_due()
            now = self._clock()
            return [
                LevelOverride(name, entry.name, entry.until - now) for name, entry in self._active.items()
            ]

    def refuses(self, logger: str, level: int) -> bool:
        """Return whether the nearest override at or above `logger` suppresses a record of this level."""
        if not self._active:
            return False
        with self._lock:
            self._end_due()
            entry = self._nearest(logger)
        return entry is not None and level < entry.level

    def renew_after_fork(self) -> None:
        """Replaces the lock, which another thread of the parent may have held at the fork."""
        self._lock = threading.Lock()

    def _nearest(self, logger: str) -> _Active | None:
        name = logger
        while name and name not in self._active:
            name = name.rpartition(".")[0]
        return self._active.get(name)

    def _begin(self, name: str, level: str, until: float) -> None:
        logger = logging.getLogger(name or None)
        number = LEVELS[level]
        self._active[name] = _Active(number, level, until, logger.level)
        if number < logger.getEffectiveLevel():
            logger.setLevel(number)

    def _end(self, name: str) -> bool:
        entry = self._active.pop(name, None)
        if entry is None:
            return False
        logging.getLogger(name or None).setLevel(entry.original)
        return True

    def _end_due(self) -> None:
        now = self._clock()
        for name in [name for name, entry in self._active.items() if entry.until <= now]:
            self._end(name)
