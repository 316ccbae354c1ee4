"""A transport of sentry-sdk that keeps error reports in memory; importing it needs sentry-sdk."""

from __future__ import annotations

from typing import Any

from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport


class MemoryTransport(Transport):
    """Keeps error reports instead of sending them."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        """Keeps the envelope's event, if it has one."""
        event = envelope.get_event()
        if event is not None:
            self.events.append(dict(event))
