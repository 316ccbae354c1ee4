"""A proxy between the Collector and a store: passes, delays, rejects or falsifies, and counts arrivals."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import httpx

from bench.ledger.door import Door, Receive, Scope, Send, body_of, respond
from bench.ledger.items import numbers
from bench.process import local

_PROTOBUF: Final = "application/x-protobuf"
_FORWARDED: Final = ("content-type", "content-encoding")


@dataclass(frozen=True, slots=True)
class Fault:
    """How the store behaves towards the Collector.

    Args:
        delay: seconds before it answers.
        answer: this status instead of the store's; None passes on the store's own.
        stores: whether the store receives the request anyway; with ``answer`` set, its
            acknowledgement is lost.
    """

    delay: float = 0.0
    answer: int | None = None
    stores: bool = True


PASS: Final = Fault()


def status(code: int) -> Fault:
    """Returns a store that responds with this status and keeps nothing."""
    return Fault(answer=code, stores=False)


@dataclass(slots=True)
class Wire:
    """The traffic to one store, by run.

    Args:
        delivered: how often each number was in a request that the store accepted (2xx).
        answers: status codes returned to the Collector.
        active: requests in progress.
    """

    delivered: dict[str, Counter[int]] = field(default_factory=dict)
    answers: Counter[int] = field(default_factory=Counter)
    active: int = 0


class Proxy:
    """Forwards OTLP/HTTP requests of one signal to a store, through a fault.

    Args:
        name: the sink.
        signal: which it forwards.
        port: the port that the Collector sends to.
        store: base URL of the real store.
    """

    def __init__(self, name: str, signal: str, port: int, store: str) -> None:
        self.name = name
        self.signal = signal
        self.fault = PASS
        self.wire = Wire()
        self.door = Door(self._serve, port)
        self.url = local(port)
        self._client = httpx.AsyncClient(base_url=store, timeout=30)

    async def open(self) -> None:
        """Accepts connections again and forwards requests."""
        self.fault = PASS
        await self.door.open()

    async def shut(self) -> None:
        """Refuses connections: the store is down."""
        await self.door.shut()

    async def close(self) -> None:
        """Shuts the proxy down for good."""
        await self.door.shut()
        await self._client.aclose()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.wire.active += 1
        try:
            await self._answer(scope, await body_of(receive), send)
        finally:
            self.wire.active -= 1

    async def _answer(self, scope: Scope, body: bytes, send: Send) -> None:
        fault = self.fault
        code, answer, kind = 200, b"", _PROTOBUF
        if fault.stores:
            code, answer, kind = await self._forward(scope, body)
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.answer is not None:
            code, answer = fault.answer, b""
        self.wire.answers[code] += 1
        await respond(send, code, answer, kind)

    async def _forward(self, scope: Scope, body: bytes) -> tuple[int, bytes, str]:
        given = {key.decode(): value.decode() for key, value in scope["headers"]}
        headers = {key: given[key] for key in _FORWARDED if key in given}
        try:
            answer = await self._client.post(scope["path"], content=body, headers=headers)
        except httpx.TransportError:
            return 503, b"", _PROTOBUF
        if answer.is_success:
            self._count(body, given.get("content-encoding", ""))
        return answer.status_code, answer.content, answer.headers.get("content-type", _PROTOBUF)

    def _count(self, body: bytes, encoding: str) -> None:
        for run, number in numbers(self.signal, body, encoding):
            self.wire.delivered.setdefault(run, Counter())[number] += 1
