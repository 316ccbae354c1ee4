"""The measurement: every limiter in a process of its own, in interleaved rounds: A B C, A B C."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import redis

from bench.limits.contestants import CONTESTANTS
from bench.overhead.client import CONNECTIONS, Connection, request_for
from bench.process import BenchError, Program, local, until
from stack.native.ports import LOOPBACK, free_ports
from stack.native.tools import tool_path

NONE: Final = "none"
_ONCE: Final = ("edge", "memory", "commands")

Figures = dict[str, dict[str, float]]


@dataclass
class Measured:
    """What was measured.

    Args:
        rounds: how many.
        alone: by limiter, one client's rounds.
        speed: by limiter, the rounds of 64 clients.
        served: by limiter and `NONE`, the rounds over uvicorn: ``p50`` and ``p99`` in seconds.
        ping: the rounds of one client of Redis that only pings: the floor of any limiter that asks Redis.
        once: by task and limiter, what is counted rather than timed.
    """

    rounds: int
    alone: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    speed: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    served: dict[str, list[dict[str, float]]] = field(default_factory=dict)
    ping: list[dict[str, float]] = field(default_factory=list)
    once: dict[str, Figures] = field(default_factory=dict)


async def measure(rounds: int, requests: int, python: Path) -> Measured:
    """Measures every limiter; ``requests`` are sent over uvicorn to each in every round.

    Raises:
        BenchError: A process failed or answered wrongly.
    """
    found = Measured(rounds)
    with tempfile.TemporaryDirectory() as name:
        async with redis_running(Path(name)) as url:
            for task in _ONCE:
                found.once[task] = {each: await _child(python, each, url, task) for each in CONTESTANTS}
            for _ in range(rounds):
                for each in CONTESTANTS:
                    found.speed.setdefault(each, []).append(await _child(python, each, url, "speed"))
                    found.alone.setdefault(each, []).append(await _child(python, each, url, "alone"))
                found.ping.append(await _child(python, "ours", url, "ping"))
            await _serve(found, requests, python, Path(name), url)
    return found


@asynccontextmanager
async def redis_running(folder: Path) -> AsyncIterator[str]:
    """Runs a Redis without persistence; yields its URL."""
    (port,) = free_ports(1)
    url = f"redis://{LOOPBACK}:{port}/0"
    options = ["--port", str(port), "--bind", LOOPBACK, "--save", "", "--dir", str(folder)]
    program = Program("redis", [str(tool_path("redis-server")), *options], folder, "", {})
    program.launch()
    try:
        await until("Redis answers", lambda: _pings(url))
        yield url
    finally:
        await program.stop()


async def _pings(url: str) -> bool:
    try:
        with redis.Redis.from_url(url) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


async def _child(python: Path, name: str, url: str, task: str) -> dict[str, float]:
    command = [str(python), "-m", "bench.limits.child", name, url, task]
    child = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await child.communicate()
    if child.returncode != 0:
        raise BenchError(f"{name} failed at {task}:\n{errors.decode()[-2000:]}")
    figures: dict[str, float] = json.loads(output)
    if figures.get("refused"):
        raise BenchError(f"{name} refused {figures['refused']:g} requests below every limit")
    return figures


async def _serve(found: Measured, requests: int, python: Path, folder: Path, url: str) -> None:
    async with AsyncExitStack() as stack:
        ports: dict[str, int] = {}
        for name in (NONE, *CONTESTANTS):
            (ports[name],) = free_ports(1)
            options = ["--factory", "--port", str(ports[name]), "--no-access-log", "--log-level", "warning"]
            command = [str(python), "-m", "uvicorn", "bench.limits.served:build", *options]
            settings = {"LIMITER": name, "REDIS_URL": url}
            server = Program(f"served-{name}", command, folder, local(ports[name], "/"), settings)
            await server.start()
            stack.push_async_callback(server.stop)
        for port in ports.values():
            await _load(port, requests // 4)
        for _ in range(2 * found.rounds):
            for name, port in ports.items():
                found.served.setdefault(name, []).append(await _load(port, requests))


async def _load(port: int, requests: int) -> dict[str, float]:
    left, latencies = [requests], list[float]()
    loop, started = asyncio.get_running_loop(), time.perf_counter()
    made = [
        await loop.create_connection(lambda: Connection(request_for("/"), left, latencies), LOOPBACK, port)
        for _ in range(CONNECTIONS)
    ]
    await asyncio.gather(*(connection.done for _, connection in made))
    wall = time.perf_counter() - started
    ordered = sorted(latencies)
    return {
        "p50": ordered[len(ordered) // 2],
        "p99": ordered[len(ordered) * 99 // 100],
        "per_second": requests / wall,
    }
