"""Simulates Sentry's OTLP intake, the one sink we cannot run ourselves, and checks what it receives.

The contract is https://docs.sentry.io/concepts/otlp/ as of 2026-05: the DSN's host and
``/api/<project>/integration/otlp`` with ``/v1/traces`` and ``/v1/logs``, the key in ``x-sentry-auth``,
protobuf; metrics are not accepted.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from bench.ledger.door import Door, Receive, Scope, Send, body_of, respond
from bench.ledger.items import numbers
from bench.ledger.proxy import PASS, Wire
from bench.process import local

_PROJECT: Final = "4242"
_BASE: Final = f"/api/{_PROJECT}/integration/otlp"


class SentryIntake:
    """Counts the numbered spans and records that it accepts; records a message for each wrong request.

    Args:
        port: where it listens.
        key: the DSN's public key.
    """

    def __init__(self, port: int, key: str) -> None:
        self.key = key
        self.fault = PASS
        self.wires = {signal: Wire() for signal in ("traces", "logs")}
        self.mistakes: list[str] = []
        self.door = Door(self._serve, port)

    @property
    def dsn(self) -> str:
        """Returns the DSN of its project."""
        return local(self.door.port, f"/{_PROJECT}").replace("://", f"://{self.key}@")

    def delivered(self, signal: str, run: str) -> Counter[int]:
        """Returns how often each number of the run arrived."""
        return self.wires[signal].delivered.get(run, Counter())

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await body_of(receive)
        headers = {key.decode(): value.decode() for key, value in scope["headers"]}
        signal = scope["path"].removeprefix(f"{_BASE}/v1/")
        code = self._judge(signal, scope, headers)
        if code == 200 and self.fault.answer is not None:  # noqa: PLR2004 - HTTP: OK
            code = self.fault.answer
        elif code == 200:  # noqa: PLR2004 - HTTP: OK
            self._take(signal, body, headers.get("content-encoding", ""))
        await respond(send, code, b"", "application/x-protobuf")

    def _take(self, signal: str, body: bytes, encoding: str) -> None:
        for run, number in numbers(signal, body, encoding):
            self.wires[signal].delivered.setdefault(run, Counter())[number] += 1

    def _judge(self, signal: str, scope: Scope, headers: dict[str, str]) -> int:
        if scope["method"] != "POST" or signal not in self.wires:
            return self._mistake(404, f"{scope['method']} {scope['path']}")
        if headers.get("x-sentry-auth") != f"sentry sentry_key={self.key}":
            return self._mistake(403, f"{scope['path']} without the project's key")
        if headers.get("content-type") != "application/x-protobuf":
            return self._mistake(415, f"{scope['path']} as {headers.get('content-type')}")
        return 200

    def _mistake(self, code: int, sentence: str) -> int:
        self.mistakes.append(sentence)
        return code
