"""Measures the time from a sender's request until the store shows the item."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from bench.ledger.items import BATCH, SIGNALS
from bench.ledger.sender import Sender
from bench.ledger.world import SINKS, Setting, Stage, World, stage
from bench.process import BenchError, until
from bench.throughput.variants import PLAIN

_BACKGROUND_RATE: Final = 200.0
_PATIENCE: Final = 30.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from sending one item until its store showed it, of one variant and signal.

    Args:
        variant: ``full`` or ``plain``.
        signal: which.
        seconds: one per probe, in order.
    """

    variant: str
    signal: str
    seconds: tuple[float, ...]

    def quantile(self, share: float) -> float:
        """Returns the smallest measured value that this share of the values does not exceed."""
        ordered = sorted(self.seconds)
        return ordered[max(int(len(ordered) * share + 0.999999) - 1, 0)]


async def latencies(here: World, probes: int) -> list[Latency]:
    """Returns the latency of each signal with everything on and with the plain peer, under a small load."""
    found = []
    for name, setting in (
        ("full", Setting(scale=1.0)),
        ("plain", Setting(scale=1.0, fragments=(str(PLAIN),))),
    ):
        async with stage(here, f"latency-{name}", setting) as on:
            found += await _under_load(on, name, probes)
    return found


async def _under_load(on: Stage, name: str, probes: int) -> list[Latency]:
    load = asyncio.create_task(on.sender.send(1_000_000, _BACKGROUND_RATE))
    try:
        await on.acknowledged(BATCH)
        return list(await asyncio.gather(*(_probe(on, name, signal, probes) for signal in SIGNALS)))
    finally:
        load.cancel()
        await asyncio.gather(load, return_exceptions=True)


async def _probe(on: Stage, name: str, signal: str, probes: int) -> Latency:
    sender = Sender(on.collector.port, on.collector.token, f"{on.run}-probe", on.setting.patience)
    try:
        seconds = [await _seen(on, sender, signal, number) for number in range(probes)]
    finally:
        await sender.close()
    return Latency(name, signal, tuple(seconds))


async def _seen(on: Stage, sender: Sender, signal: str, number: int) -> float:
    """Sends one request and returns after how many seconds its first item was readable."""
    started = time.monotonic()
    await sender.send(BATCH, 1e9, (signal,))
    wanted = number * BATCH
    if wanted not in sender.books[signal].acknowledged:
        raise BenchError(f"{signal}: a probe was not acknowledged: {dict(sender.books[signal].answers)}")

    async def shown() -> bool:
        return wanted in await on.world.shelves.stored(signal, sender.run)

    await until(f"{SINKS[signal]} shows a probe", shown, _PATIENCE)
    return time.monotonic() - started
