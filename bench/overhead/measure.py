"""The measurement: every variant in a process of its own, in interleaved rounds: A B C, A B C."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import httpx

from bench.overhead.application import path_of_last
from bench.overhead.client import load
from bench.overhead.database import database
from bench.overhead.figures import Round, Series
from bench.overhead.participant import Participant, Place, service_name
from bench.overhead.variants import BARE, SERVED, VARIANTS, Variant
from bench.process import BenchError, Program, local
from stack.native.ports import free_ports

ROUTES: Final = (1, 100)
_CHECKED: Final = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Args:
        rounds: in-process; over uvicorn half as many.
        requests: of each variant per round.
        variants: which take part.
    """

    rounds: int
    requests: int
    variants: Sequence[Variant] = VARIANTS

    @property
    def in_process(self) -> list[Variant]:
        """Returns the variants that are measured without a network."""
        return [each for each in self.variants if not each.only_served]

    @property
    def served(self) -> list[Variant]:
        """Returns the variants that are also measured over uvicorn."""
        return [each for each in self.variants if each.name in SERVED]


async def measure(plan: Plan, python: Path) -> list[Series]:
    """Measures everything and returns a series for each number of routes, in-process and over uvicorn.

    Raises:
        BenchError: A process exited or answered wrongly, or its telemetry did not arrive.
        ToolError: The database's programs are not built.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with sink_running(folder) as sink:
            place = Place(python=python, folder=folder, sink=sink, routes=1)
            found = [await in_process(plan, replace(place, routes=routes)) for routes in ROUTES]
            async with database(folder) as url:
                with_database = replace(place, database_url=url)
                found += [await _served(plan, replace(with_database, routes=routes)) for routes in ROUTES]
        return found


async def in_process(plan: Plan, place: Place) -> Series:
    """Measures every variant without a network, after checking what it sends.

    Raises:
        BenchError: As for `measure`.
    """
    series = Series(place.routes, served=False, requests=plan.requests)
    async with _started(plan.in_process, place) as participants:
        for each in participants:
            await each.ask("run", requests=_CHECKED)
            series.arrived[each.variant.name] = await _arrived(each)
            await each.ask("run", requests=plan.requests)
            series.calls[each.variant.name] = (await each.ask("count", requests=_CHECKED))["calls"]
        for number in range(plan.rounds):
            _progress(f"in-process, {place.routes} routes", number, plan.rounds)
            for each in participants:
                answer = await each.ask("run", requests=plan.requests)
                taken = {name: seconds / plan.requests for name, seconds in answer.items()}
                series.rounds.setdefault(each.variant.name, []).append(Round(**taken))
    return series


async def _served(plan: Plan, place: Place) -> Series:
    series = Series(place.routes, served=True, requests=plan.requests)
    rounds = max(1, plan.rounds // 2)
    async with _started(plan.served, place, serve=True) as participants:
        for each in participants:
            await load(each.place.port, path_of_last(place.routes), plan.requests)
        for number in range(rounds):
            _progress(f"uvicorn with MongoDB, {place.routes} routes", number, rounds)
            for each in participants:
                taken = await _load(each, plan.requests)
                series.rounds.setdefault(each.variant.name, []).append(taken)
    return series


async def _load(participant: Participant, requests: int) -> Round:
    # What an earlier round left behind must not be sent during this one.
    await participant.ask("flush")
    before = await participant.ask("clock")
    taken = await load(participant.place.port, path_of_last(participant.place.routes), requests)
    await participant.ask("flush")
    after = await participant.ask("clock")
    used = {
        work: (seconds - before["threads"].get(work, 0.0)) / requests
        for work, seconds in after["threads"].items()
    }
    cpu = (after["cpu"] - before["cpu"]) / requests
    return Round(taken.wall / requests, cpu, latency=taken.latency, threads=used)


@asynccontextmanager
async def _started(
    variants: Sequence[Variant], place: Place, *, serve: bool = False
) -> AsyncIterator[list[Participant]]:
    participants = [
        Participant(each, replace(place, port=port if serve else 0))
        for each, port in zip(variants, free_ports(len(variants)), strict=True)
    ]
    try:
        await asyncio.gather(*(each.start() for each in participants))
        for each in participants if serve else ():
            await _until_served(each.place.port)
        yield participants
    finally:
        await asyncio.gather(*(each.stop() for each in participants))


async def _until_served(port: int) -> None:
    transport = httpx.AsyncHTTPTransport(retries=20)  # connections only, with a growing pause
    async with httpx.AsyncClient(transport=transport) as client:
        await client.get(local(port, "/"))


@asynccontextmanager
async def sink_running(folder: Path) -> AsyncIterator[int]:
    """Runs a receiver while the block runs, and yields its port."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "bench.overhead.sink", str(port)]
    program = Program("sink", command, folder, local(port, "/seen"), {})
    await program.start()
    try:
        yield port
    finally:
        await program.stop()


async def _arrived(participant: Participant) -> dict[str, float]:
    """Lets the variant serve a few requests and returns what it sends per request.

    Raises:
        BenchError: It does not send what it should.
    """
    sink = local(participant.place.sink)
    async with httpx.AsyncClient(base_url=sink, timeout=30) as client:
        await client.post("/watch")
        await participant.ask("run", requests=_CHECKED)
        await client.post("/rest")
        seen = (await client.get("/seen")).json()
    counts = seen.get(service_name(participant.variant, participant.place), {})
    arrived = {key: count / _CHECKED for key, count in counts.items()}
    _check(participant.variant, arrived)
    return arrived


def _check(wanted: Variant, arrived: dict[str, Any]) -> None:
    if wanted.spans < 0:
        return
    spans, server = arrived.get("spans", 0), arrived.get("server", 0)
    if spans != wanted.spans or server != min(1, wanted.spans):
        raise BenchError(
            f"{wanted.name} sent {spans:g} spans per request, {server:g} of kind SERVER; "
            f"{wanted.spans} were expected: the figures would compare the wrong thing"
        )


def _progress(what: str, number: int, rounds: int) -> None:
    print(f"\r{what}: round {number + 1} of {rounds} ", end="", file=sys.stderr, flush=True)
    if number + 1 == rounds:
        print(file=sys.stderr)


def chosen(names: Sequence[str]) -> tuple[Variant, ...]:
    """Returns the named variants, all if none is named; the bare application always takes part."""
    return tuple(each for each in VARIANTS if not names or each.name in {*names, BARE})
