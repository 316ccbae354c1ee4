"""A circuit breaker: stops asking a Redis that does not answer, and notices by itself when it does again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from app.core.telemetry import RATE_LIMIT_SWITCHES
from otel import get_logger

State = Literal["closed", "open", "half_open"]

_FAILURES: Final = 3
_PAUSE_SECONDS: Final = 1.0
_log = get_logger(service="rate_limits")


class Breaker:
    """Opens after three failures in a row; then lets one attempt through each second until one succeeds.

    Attempts that overlap count as one failure: a process that was busy for longer than the time limit fails
    them all at once, which says nothing about Redis. ``clock`` is monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures = 0
        self._last_failure = -1.0
        self._probes_from = 0.0
        self.state: State = "closed"
        self.last_error: str | None = None

    def allows(self) -> bool:
        """Returns whether to ask Redis now; while open, True makes the caller the one that probes it."""
        if self.state == "closed":
            return True
        if self.state == "half_open" or self._clock() < self._probes_from:
            return False
        self.state = "half_open"
        return True

    def succeeded(self) -> None:
        """Notes that Redis answered."""
        self._failures = 0
        if self.state == "closed":
            return
        self.state = "closed"
        RATE_LIMIT_SWITCHES.add(1, {"lms.rate_limit.backend": "redis"})
        _log.info("rate_limit_backend_changed", backend="redis")

    def failed(self, began: float, reason: str) -> None:
        """Notes that the attempt that ``began`` then failed; ``reason`` is a word for the log."""
        if self.state == "open" or began < self._last_failure:
            return
        now = self._clock()
        self.last_error, self._last_failure = reason, now
        self._failures += 1
        if self._failures < _FAILURES and self.state == "closed":
            return
        was_closed, self.state = self.state == "closed", "open"
        self._probes_from = now + _PAUSE_SECONDS
        if was_closed:
            RATE_LIMIT_SWITCHES.add(1, {"lms.rate_limit.backend": "local"})
            _log.warning("rate_limit_backend_changed", backend="local", reason=reason)

    def abandoned(self) -> None:
        """Notes that a probe was cancelled before it had a result."""
        if self.state == "half_open":
            self.state = "open"

    @property
    def pause(self) -> float:
        """Seconds until Redis is asked again; at least one."""
        return max(_PAUSE_SECONDS, self._probes_from - self._clock())
