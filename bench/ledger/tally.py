"""Waits until nothing is in flight, and compares what was acknowledged with what is stored."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import Final

import httpx

from bench.ledger.items import SIGNALS
from bench.ledger.world import SINKS, Stage
from bench.process import BenchError, until

# Seconds until a store must return what it accepted.
_SHOWN_WITHIN: Final = 10.0
_SETTLED_WITHIN: Final = 180.0


@dataclass(frozen=True, slots=True)
class Row:
    """The ledger's line of one sink.

    Args:
        sink: the store.
        signal: what it holds.
        sent: items that were put on the wire.
        acknowledged: of those, answered with 2xx: the Collector promises to deliver them.
        stored: of those sent, the ones that the store returns.
        duplicated: items that the store returns more than once.
        repeated: items that the store received more than once; it may deduplicate them.
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
    """Returns when nothing is in flight to a store and the queues of the primary sinks are empty.

    A queue whose disk was full, or whose sender hung up, counts items that it never held until it is next
    empty; so it is also enough that everything acknowledged has been delivered.

    Raises:
        BenchError: it takes longer than three minutes; the message has the size of each queue.
    """
    sizes: dict[str, float] = {}

    async def idle() -> bool:
        if any(proxy.wire.active for proxy in stage.world.proxies.values()):
            return False
        try:
            sizes.update(await _queues(stage))
        except httpx.TransportError:
            return False
        return not any(sizes.values()) or _all_delivered(stage)

    try:
        await until("the queues are empty", idle, _SETTLED_WITHIN)
    except BenchError as error:
        delivered = {SINKS[signal]: stage.delivered(signal) for signal in SIGNALS}
        raise BenchError(f"{error}; bytes in the queues {sizes}, delivered {delivered}") from None


async def _queues(stage: Stage) -> dict[str, float]:
    names = {f"otlp_http/{sink}" for sink in SINKS.values()}
    return {
        each.labels["exporter"]: each.value
        for each in await stage.collector.samples()
        if each.name == "otelcol_exporter_queue_size" and each.labels.get("exporter") in names
    }


def _all_delivered(stage: Stage) -> bool:
    wires: dict[str, Counter[int]] = {
        signal: proxy.wire.delivered.get(stage.run, Counter())
        for signal, proxy in stage.world.proxies.items()
    }
    return all(book.acknowledged <= wires[signal].keys() for signal, book in stage.sender.books.items())


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
    await stage.world.shelves.flush()
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
