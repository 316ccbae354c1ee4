"""Waits until nothing moves any more, and compares what was acknowledged with what is stored."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import Final

import httpx

from bench.ledger.items import SIGNALS
from bench.ledger.world import SINKS, Stage
from bench.process import until

# Seconds that a store may take to show what it took.
_SHOWN_WITHIN: Final = 10.0
_SETTLED_WITHIN: Final = 120.0


@dataclass(frozen=True, slots=True)
class Row:
    """The ledger's line of one sink.

    Args:
        sink: the store.
        signal: what it holds.
        sent: items that were put on the wire.
        acknowledged: of those, answered with 2xx: the Collector promised to deliver them.
        stored: of those sent, what the store shows.
        duplicated: items that the store shows more than once.
        repeated: items that the store was given more than once; it may hide that.
        lost: acknowledged and not stored.
    """

    sink: str
    signal: str
    sent: int
    acknowledged: int
    stored: int
    duplicated: int
    repeated: int
    lost: int


async def settle(stage: Stage) -> None:
    """Returns when the queues of the primary sinks are empty and nothing is on its way to a store.

    Raises:
        BenchError: it takes longer than two minutes.
    """
    names = {f"otlp_http/{sink}" for sink in SINKS.values()}

    async def idle() -> bool:
        if any(proxy.wire.active for proxy in stage.world.proxies.values()):
            return False
        try:
            samples = await stage.collector.samples()
        except httpx.TransportError:
            return False
        sizes = [
            each.value
            for each in samples
            if each.name == "otelcol_exporter_queue_size" and each.labels.get("exporter") in names
        ]
        return not any(sizes)

    await until("the queues are empty", idle, _SETTLED_WITHIN)


async def tally(stage: Stage) -> list[Row]:
    """Returns one line per primary sink, and one per signal of the optional one if it takes part."""
    rows = list(await asyncio.gather(*(_primary(stage, signal) for signal in SIGNALS)))
    if stage.setting.sentry:
        for signal in ("traces", "logs"):
            arrived = stage.world.sentry.delivered(signal, stage.run)
            rows.append(_row(stage, "sentry", signal, arrived, arrived))
    return rows


async def _primary(stage: Stage, signal: str) -> Row:
    delivered = stage.world.proxies[signal].wire.delivered.get(stage.run, Counter())
    deadline = time.monotonic() + _SHOWN_WITHIN
    stored = await stage.world.shelves.stored(signal, stage.run)
    while not delivered.keys() <= stored.keys() and time.monotonic() < deadline:
        await asyncio.sleep(0.5)
        stored = await stage.world.shelves.stored(signal, stage.run)
    return _row(stage, SINKS[signal], signal, stored, delivered)


def _row(stage: Stage, sink: str, signal: str, stored: Counter[int], delivered: Counter[int]) -> Row:
    book = stage.sender.books[signal]
    return Row(
        sink=sink,
        signal=signal,
        sent=len(book.sent),
        acknowledged=len(book.acknowledged),
        stored=len(stored.keys() & book.sent),
        duplicated=sum(times > 1 for times in stored.values()),
        repeated=sum(times > 1 for times in delivered.values()),
        lost=len(book.acknowledged - stored.keys()),
    )
