"""Sends numbered items as an OpenTelemetry SDK does, and records which were acknowledged."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import httpx

from bench.ledger.items import BATCH, SIGNALS, Series, clock_for, rejected
from bench.process import local

# Statuses the OTLP specification lets a sender retry (OTLP/HTTP Response, Failures).
RETRYABLE: Final = frozenset({429, 502, 503, 504})
_CONTENT: Final = {"Content-Type": "application/x-protobuf"}


@dataclass(slots=True)
class Book:
    """What one signal's sender knows: numbers by outcome, and the responses it got.

    Args:
        sent: every number that was put on the wire at least once.
        acknowledged: numbers whose request got a 2xx that rejected nothing: the Collector answers for these.
        answers: how often each status code, and ``unreachable``, came back.
    """

    sent: set[int] = field(default_factory=set)
    acknowledged: set[int] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Patience:
    """How a sender retries: SDKs wait 1 s, then twice as long each time, and give up; here in scaled time.

    Args:
        first: seconds of the first pause.
        longest: seconds of the longest pause.
        deadline: seconds after which it gives up on a request.
        timeout: seconds that it waits for one answer.
    """

    first: float = 0.1
    longest: float = 1.0
    deadline: float = 60.0
    timeout: float = 10.0


class Sender:
    """Sends the three signals of one run side by side, one request of each at a time.

    Args:
        port: of the Collector's receiver.
        token: bearer token.
        run: the run's name, which becomes ``service.name``.
        patience: how it retries.
    """

    def __init__(self, port: int, token: str, run: str, patience: Patience) -> None:
        self.run = run
        self.books = {signal: Book() for signal in SIGNALS}
        self._patience = patience
        self._next = dict.fromkeys(SIGNALS, 0)
        self._clocks = {signal: clock_for(signal) for signal in SIGNALS}
        self._client = httpx.AsyncClient(
            base_url=local(port),
            headers=_CONTENT | {"Authorization": f"Bearer {token}"},
            timeout=patience.timeout,
        )

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    def set_clock(self, skew: float) -> None:
        """Sets the error of the sender's clock.

        Args:
            skew: seconds ahead of the true time; negative is behind.
        """
        self._clocks = {signal: clock_for(signal, skew) for signal in SIGNALS}

    async def send(self, items: int, rate: float, signals: tuple[str, ...] = SIGNALS) -> None:
        """Sends items of each signal and returns when the last is acknowledged, rejected or given up.

        Args:
            items: of each signal; rounded up to whole requests.
            rate: the maximum, in items per second of each signal.
            signals: which.
        """
        await asyncio.gather(*(self._send(signal, items, rate) for signal in signals))

    async def _send(self, signal: str, items: int, rate: float) -> None:
        started, done = time.monotonic(), 0
        while done < items:
            await self._request(signal)
            done += BATCH
            ahead = started + done / rate - time.monotonic()
            await asyncio.sleep(max(ahead, 0))

    async def _request(self, signal: str) -> None:
        """Sends the next numbers until they are acknowledged, permanently rejected or out of time."""
        first = self._next[signal]
        numbers = range(first, first + BATCH)
        self._next[signal] += BATCH
        book = self.books[signal]
        body = Series(self.run, signal, self._clocks[signal]).request(numbers)
        book.sent.update(numbers)
        deadline, pause = time.monotonic() + self._patience.deadline, self._patience.first
        while not await self._attempt(signal, numbers, body):
            if time.monotonic() + pause > deadline:
                return
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, as SDKs have it
            pause = min(pause * 2, self._patience.longest)

    async def _attempt(self, signal: str, numbers: range, body: bytes) -> bool:
        """Sends once; returns whether no retry is needed."""
        book = self.books[signal]
        try:
            answer = await self._client.post(f"/v1/{signal}", content=body)
        except httpx.TransportError:
            book.answers["unreachable"] += 1
            return False
        book.answers[str(answer.status_code)] += 1
        if answer.is_success and not rejected(signal, answer.content):
            book.acknowledged.update(numbers)
        return answer.status_code not in RETRYABLE
