"""Measures how long the platform's health takes to answer while MongoDB hangs: ``python -m bench.health``.

The platform runs as it is served, on the real database; a relay between the two stops forwarding, so that
connections stay open and nothing is answered.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import httpx

from bench.overhead.database import database
from bench.process import BenchError, Program, until
from stack.native.ports import LOOPBACK, free_ports
from stack.settings import REPOSITORY
from stack.variables import generate

AIM_MS: Final = 5.0
PATHS: Final = ("/api/v1/monitoring/health", "/readyz", "/livez")
_PERCENT: Final = 100
_RULES: Final = "rules: [{name: all, scope: global, limits: [{limit: 100000, window: 1s}]}]\n"


class Relay:
    """Forwards connections to ``port`` until it hangs: then it still accepts, and says nothing."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._flows = asyncio.Event()
        self._flows.set()

    def hang(self) -> None:
        """Stops forwarding, also on open connections."""
        self._flows.clear()

    def flow(self) -> None:
        """Forwards again."""
        self._flows.set()

    @asynccontextmanager
    async def open(self, port: int) -> AsyncIterator[None]:
        """Listens on ``port`` within the block."""
        server = await asyncio.start_server(self._serve, LOOPBACK, port)
        try:
            yield
        finally:
            self.flow()
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flows.wait()
        there, back = await asyncio.open_connection(LOOPBACK, self._target)
        both = self._forward(reader, back), self._forward(there, writer)
        await asyncio.gather(*both, return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self._flows.wait()
            writer.write(data)
            await writer.drain()
        writer.close()


def environment(folder: Path, port: int, database_url: str) -> dict[str, str]:
    """Returns the platform's variables; Redis and the Collector are away, which must not matter either."""
    rules = folder / "rate-limits.yml"
    rules.write_text(_RULES, encoding="utf-8")
    return {
        "LMS_PORT": str(port),
        "LMS_JWT_SECRET": secrets.token_urlsafe(32),
        "LMS_CERTIFICATE_KEY": generate("LMS_CERTIFICATE_KEY"),
        "LMS_ADMIN_PASSWORD": secrets.token_urlsafe(16),
        "LMS_METRICS_TOKEN": secrets.token_urlsafe(16),
        "LMS_ALERTS_TOKEN": secrets.token_urlsafe(16),
        "LMS_RATE_LIMITS": str(rules),
        "LMS_STARTUP_SECONDS": "60",
        "MONGODB_URL": database_url,
        "REDIS_URL": f"redis://{LOOPBACK}:1/0",
        "PYTHONPATH": str(REPOSITORY),
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
    }


def measure(port: int, path: str, token: str, requests: int) -> tuple[float, float]:
    """Returns the median and the 99th percentile of the time for one request after the other, in ms."""
    times = []
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=60)
    for _ in range(requests):
        started = time.perf_counter()
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        connection.getresponse().read()
        times.append((time.perf_counter() - started) * 1000)
    connection.close()
    return statistics.median(times), statistics.quantiles(times, n=_PERCENT)[-1]


async def run(folder: Path, requests: int) -> bool:
    """Prints what is measured; returns whether the aim is met."""
    async with database(folder) as url:
        relay_port, port = free_ports(2)
        parts = urlsplit(url)
        relayed = parts._replace(netloc=parts.netloc.replace(f":{parts.port}", f":{relay_port}"))
        relay = Relay(parts.port or 0)
        variables = environment(folder, port, urlunsplit(relayed))
        ready = f"http://{LOOPBACK}:{port}/readyz"
        app = Program("app", [sys.executable, "-m", "app"], folder, ready, variables)
        async with relay.open(relay_port):
            await app.start()
            try:
                return await compare(Asked(app, port, variables["LMS_METRICS_TOKEN"], requests), relay)
            finally:
                relay.flow()  # lets the platform stop at once
                await app.stop()


@dataclass(frozen=True, slots=True)
class Asked:
    """The platform's process, and how often each path is asked."""

    app: Program
    port: int
    token: str
    requests: int

    async def show(self, when: str, path: str) -> float:
        """Prints one row and returns its 99th percentile."""
        before = self._cpu()
        median, p99 = await asyncio.to_thread(measure, self.port, path, self.token, self.requests)
        cpu = (self._cpu() - before) / self.requests * 1000
        what = f"{when}, {path.rpartition('/')[2]}"
        print(f"{what:32}{median:10.2f}{p99:10.2f}{cpu:10.2f}", flush=True)
        return p99

    async def fails(self) -> bool:
        """Tells whether the health says so."""
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"http://{LOOPBACK}:{self.port}{PATHS[0]}")
        return answer.status_code == httpx.codes.SERVICE_UNAVAILABLE

    def _cpu(self) -> float:
        times = self.app.handle.cpu_times()
        return float(times.user + times.system)


async def compare(asked: Asked, relay: Relay) -> bool:
    """Measures before and while the database hangs; returns whether the 99th percentile meets the aim."""
    print(
        f"{'ms':32}{'median':>10}{'p99':>10}{'own CPU':>10}   {asked.requests} requests, one after the other"
    )
    for path in PATHS:
        await asked.show("database answers", path)
    relay.hang()
    await until("the health says that the database hangs", asked.fails)
    found = [await asked.show("database hangs", path) for path in PATHS]
    return max(found) <= AIM_MS


def main() -> int:
    """Runs the command line; 1 if the aim is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.health", description=__doc__)
    parser.add_argument("--requests", type=int, default=2000, help="requests per row")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        try:
            met = asyncio.run(run(Path(folder), options.requests))
        except BenchError as error:
            print(error, file=sys.stderr)
            return 2
    print(f"aim: p99 <= {AIM_MS:g} ms while the database hangs: {'met' if met else 'missed'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
