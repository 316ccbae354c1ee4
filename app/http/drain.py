"""How a process leaves: from SIGTERM on it is not ready, and serves for a while before it stops."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from otel import get_logger

DRAIN_STATE: Final = "drain"
"""The key under which the application passes its `Drain` to the server, in the lifespan's state."""

_log = get_logger(service="http")


class Drain:
    """Delays the server's own reaction to SIGTERM by ``seconds``.

    Meanwhile `is_draining`, so the readiness probe fails and responses close their connections, while
    requests and new connections are served. A second SIGTERM ends the delay. SIGINT (Ctrl+C) knows none.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.is_draining = False

    @contextmanager
    def on_sigterm(self) -> Iterator[None]:
        """Handles SIGTERM until the block exits, if a server handles it by a function in this main thread."""
        servers = signal.getsignal(signal.SIGTERM)
        if threading.current_thread() is not threading.main_thread() or not callable(servers):
            yield
            return
        handler = self._handler(servers, asyncio.get_running_loop())
        signal.signal(signal.SIGTERM, handler)
        try:
            yield
        finally:
            if signal.getsignal(signal.SIGTERM) is handler:
                signal.signal(signal.SIGTERM, servers)

    def _handler(
        self, servers: Callable[[int, FrameType | None], object], loop: asyncio.AbstractEventLoop
    ) -> Callable[[int, FrameType | None], None]:
        def begin() -> None:
            _log.info("draining", seconds=self._seconds)
            loop.call_later(self._seconds, servers, signal.SIGTERM, None)

        def handle(number: int, frame: FrameType | None) -> None:
            if self.is_draining or not self._seconds:
                self.is_draining = True
                servers(number, frame)
                return
            self.is_draining = True
            loop.call_soon_threadsafe(begin)

        return handle
