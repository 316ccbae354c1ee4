"""What the supervisor asks each part, over and over: a part that stops answering is killed and starts again.

Each question is a few bytes of the part's own protocol, to which a living part sends at least one byte
back: a refusal or "not ready" is an answer, because a part that waits for another one is not broken. The
supervisor (`stack/native/tools/process-compose`) knows no protocol, it only sends and waits.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import bson

from stack.native.probes import POSTGRES_SSL_REQUEST

FILE: Final = "liveness.json"
PERIOD_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 5.0
# In a row, a second apart: a part is silent for a minute before it is killed. Less is not enough on a busy
# machine: with 25 processes for 2 cores and 20 requests a second, the platform was killed after 24 s.
FAILURES: Final = 10
FIRST_FAILURES: Final = 24  # some listen before they serve

_OP_MSG: Final = 2013  # MongoDB's wire protocol


@dataclass(frozen=True)
class Question:
    """What to send to a part on a loopback port."""

    part: str
    port: int
    send: bytes


def of_process(part: str, process: Mapping[str, Any], ports: Sequence[int]) -> Question | None:
    """Returns what the supervisor asks a process of process-compose.yaml; None if it listens on no port."""
    if not ports:
        return None
    http = process.get("readiness_probe", {}).get("http_get", {})
    path = process.get("x-alive", http.get("path", "/"))
    return question(part, process.get("x-probe", "http"), int(http.get("port", ports[0])), path)


def question(part: str, kind: str, port: int, path: str) -> Question:
    """Returns the question for a part that speaks ``kind``; ``path`` is of interest for `http` only."""
    send = {
        "http": f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode(),
        "redis": b"PING\r\n",
        "postgres": POSTGRES_SSL_REQUEST,
        "mongodb": _hello(),
    }
    return Question(part, port, send[kind])


def _hello() -> bytes:
    """Returns MongoDB's `hello`, which asks for no login."""
    body = struct.pack("<iB", 0, 0) + bson.encode({"hello": 1, "$db": "admin"})
    return struct.pack("<iiii", 16 + len(body), 1, 0, _OP_MSG) + body


def document(
    questions: Iterable[Question],
    *,
    period: float = PERIOD_SECONDS,
    answer: float = ANSWER_SECONDS,
    failures: int = FAILURES,
    first_failures: int = FIRST_FAILURES,
) -> str:
    """Returns the text of the file that the supervisor reads."""
    parts = [
        {
            "part": each.part,
            "address": f"127.0.0.1:{each.port}",
            "send": base64.b64encode(each.send).decode(),
        }
        for each in questions
    ]
    plan = {
        "period_seconds": period,
        "answer_seconds": answer,
        "failures": failures,
        "first_failures": first_failures,
        "parts": parts,
    }
    return json.dumps(plan, indent=1)
