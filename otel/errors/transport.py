"""Sends error reports with sentry-sdk's own transport, and counts those that are lost."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

from sentry_sdk.transport import HttpTransport

if TYPE_CHECKING:
    from sentry_sdk._types import EventDataCategory
    from sentry_sdk.envelope import Envelope, Item


class CountingTransport(HttpTransport):
    """Sentry's own transport that also counts the events it accepted, and those it lost by Sentry's reason.

    `taken` counts all accepted events: sent, lost or unsent. An unsent event is queued or in flight.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        self.taken = 0
        self.lost: Counter[str] = Counter()
        self._unsent: set[Item] = set()
        self._counting = threading.RLock()  # a signal handler may report while its thread counts
        self._is_ended = False
        super().__init__(options)

    def capture_envelope(self, envelope: Envelope) -> None:
        """Counts an envelope's events and queues it."""
        with self._counting:
            events = _events_in(envelope)
            self.taken += len(events)
            self._unsent.update(events)
        super().capture_envelope(envelope)

    @property
    def unsent(self) -> int:
        """Returns how many events are neither sent nor lost yet."""
        return len(self._unsent)

    def end(self) -> None:
        """Counts unsent events as lost to `shutdown`, sends nothing more and ignores later outcomes."""
        with self._counting:
            self._is_ended = True
            if self._unsent:
                self.lost["shutdown"] += len(self._unsent)
            self._unsent.clear()

    def record_lost_event(
        self,
        reason: str,
        data_category: EventDataCategory | None = None,
        item: Item | None = None,
        *,
        quantity: int = 1,
    ) -> None:
        """Counts a lost event by its reason: `queue_overflow`, `network_error`, `ratelimit_backoff` ..."""
        category = data_category if item is None else item.data_category
        if category == "error":
            self._lose(reason, item, quantity)
        super().record_lost_event(reason, data_category, item, quantity=quantity)

    def _send_envelope(self, envelope: Envelope) -> None:
        if self._is_ended:
            return
        try:
            super()._send_envelope(envelope)
        finally:
            with self._counting:
                self._unsent.difference_update(_events_in(envelope))

    def _lose(self, reason: str, item: Item | None, count: int) -> None:
        with self._counting:
            if self._is_ended:
                return
            self.lost[reason] += count
            if item is not None:
                self._unsent.discard(item)
            elif reason != "before_send":  # lost before it became an item, for example to SENTRY_SAMPLE_RATE
                self.taken += count


def _events_in(envelope: Envelope) -> list[Item]:
    return [item for item in envelope.items if item.data_category == "error"]
