"""One measurement: a Collector, a load, and a sink that accepts everything at once."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.collector import Collector
from bench.ledger.door import Door, Receive, Scope, Send, body_of, respond
from bench.process import BenchError, local, until
from bench.stores import REPOSITORY
from bench.throughput.variants import Variant, recipe
from stack.native.ports import free_ports

CONNECTIONS: Final = 8
_WARM_UP: Final = 1.0


@dataclass(frozen=True, slots=True)
class Counted:
    """The load's report: items acknowledged, wall-clock and CPU seconds, responses by status."""

    items: int
    seconds: float
    answers: dict[str, int]
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One Collector's results in one round.

    Args:
        variant: its name.
        signal: what it was sent.
        items: acknowledged.
        seconds: that the load lasted.
        cpu_seconds: of the Collector, from the first request until its queues were empty.
        load_cpu_seconds: of the load generator, to check that it was not the bottleneck.
        refused: requests not answered with 200.
    """

    variant: str
    signal: str
    items: int
    seconds: float
    cpu_seconds: float
    load_cpu_seconds: float
    refused: int

    @property
    def per_core(self) -> float:
        """Returns items per CPU second: the throughput of one dedicated core."""
        return self.items / self.cpu_seconds

    @property
    def per_second(self) -> float:
        """Returns items per wall-clock second, on a machine shared with the load."""
        return self.items / self.seconds


async def _take(_scope: Scope, receive: Receive, send: Send) -> None:
    await body_of(receive)
    await respond(send, 200, b"", "application/x-protobuf")


@asynccontextmanager
async def acceptor() -> AsyncIterator[str]:
    """Runs a sink that accepts everything and stores nothing; yields its URL."""
    (port,) = free_ports(1)
    door = Door(_take, port)
    await door.open()
    try:
        yield local(port)
    finally:
        await door.shut()


async def measure(variant: Variant, signal: str, seconds: float, sink: str) -> Figure:
    """Starts the variant, loads it with one signal and returns its results.

    Raises:
        BenchError: the load failed, nothing was acknowledged, or the queues did not drain.
    """
    with tempfile.TemporaryDirectory(prefix="throughput-") as name:
        folder = Path(name)
        urls = {"PROMETHEUS_URL": sink, "VICTORIALOGS_URL": sink, "JAEGER_OTLP_URL": sink}
        collector = Collector(folder, recipe(variant, folder, urls))
        await collector.program.start()
        try:
            return await _loaded(collector, variant, signal, seconds)
        finally:
            collector.program.kill()


async def _loaded(collector: Collector, variant: Variant, signal: str, seconds: float) -> Figure:
    await _load(collector, signal, _WARM_UP)
    await _drained(collector)
    before = _cpu(collector)
    counted = await _load(collector, signal, seconds)
    await _drained(collector)
    if not counted.items:
        raise BenchError(
            f"{variant.name} acknowledged nothing: {counted.answers}; {collector.program.tail()}"
        )
    return Figure(
        variant=variant.name,
        signal=signal,
        items=counted.items,
        seconds=counted.seconds,
        cpu_seconds=_cpu(collector) - before,
        load_cpu_seconds=counted.cpu_seconds,
        refused=sum(count for status, count in counted.answers.items() if status != "200"),
    )


def _cpu(collector: Collector) -> float:
    times = collector.program.handle.cpu_times()
    return float(times.user + times.system)


async def _drained(collector: Collector) -> None:
    async def empty() -> bool:
        return not await collector.total("otelcol_exporter_queue_size")

    await until("the Collector's queues are empty", empty, 60)


async def _load(collector: Collector, signal: str, seconds: float) -> Counted:
    command = (
        *(sys.executable, "-m", "bench.throughput.load"),
        *(str(collector.port), signal, str(seconds), str(CONNECTIONS)),
    )
    process = await asyncio.create_subprocess_exec(
        *command, cwd=REPOSITORY, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate(f"{collector.token}\n".encode())
    if process.returncode:
        raise BenchError(f"the load exited with status {process.returncode}")
    return Counted(**json.loads(output))
