"""Generates the load, in its own process: prepared requests over keep-alive connections, as fast as possible.

``python -m bench.throughput.load PORT SIGNAL SECONDS CONNECTIONS`` reads the bearer token from standard input
and prints its counts as JSON.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.throughput.payloads import ITEMS, request
from stack.native.ports import LOOPBACK

_VARIANTS: Final = 8
_BUSY_PAUSE: Final = 0.05
_OK: Final = 200


@dataclass
class Count:
    """Totals over all connections."""

    answers: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, status: int) -> None:
        """Counts one answer."""
        with self.lock:
            self.answers[str(status)] += 1


def _send(port: int, signal: str, token: str, bodies: Sequence[bytes], until: float, count: Count) -> None:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=30)
    headers = {"Content-Type": "application/x-protobuf", "Authorization": f"Bearer {token}"}
    turn = 0
    while time.monotonic() < until:
        connection.request("POST", f"/v1/{signal}", bodies[turn % len(bodies)], headers)
        answer = connection.getresponse()
        answer.read()
        count.add(answer.status)
        turn += 1
        if answer.status != _OK:
            time.sleep(_BUSY_PAUSE)
    connection.close()


def main(argv: Sequence[str]) -> int:
    """Sends for the time given and prints items acknowledged, seconds and answers by status."""
    port, signal, seconds, connections = int(argv[0]), argv[1], float(argv[2]), int(argv[3])
    token = sys.stdin.readline().strip()
    bodies = [request(signal) for _ in range(_VARIANTS)]
    count, started = Count(), time.monotonic()
    arguments = (port, signal, token, bodies, started + seconds, count)
    threads = [threading.Thread(target=_send, args=arguments) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    items = count.answers[str(_OK)] * ITEMS
    taken, cpu = time.monotonic() - started, time.process_time()
    print(json.dumps({"items": items, "seconds": taken, "answers": count.answers, "cpu_seconds": cpu}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
