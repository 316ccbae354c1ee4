"""The faults of each scenario: what happens to the sinks and the Collector while numbered items are sent."""

from __future__ import annotations

import asyncio
import time

from bench.ledger.disk import enlarge
from bench.ledger.items import BATCH, SIGNALS
from bench.ledger.proxy import Fault, status
from bench.ledger.tally import settle
from bench.ledger.world import SINKS, Stage
from bench.process import BenchError, Program, until

_HOUR = 3600.0
_RATE = 200.0
_FAST = 1e6
_FAR_TOO_MUCH = 60_000


async def all_down(stage: Stage) -> None:
    """Makes every sink refuse connections for longer than a default Collector retries."""
    await _outage(stage, *SINKS.values())


async def prometheus_down(stage: Stage) -> None:
    """Makes Prometheus refuse connections for as long; the others must still receive their items."""
    await _outage(stage, "prometheus")


async def victorialogs_down(stage: Stage) -> None:
    """Makes VictoriaLogs refuse connections for as long; the others must still receive their items."""
    await _outage(stage, "victorialogs")


async def jaeger_down(stage: Stage) -> None:
    """Makes Jaeger refuse connections for as long; the others must still receive their items."""
    await _outage(stage, "jaeger")


async def backlog(stage: Stage) -> None:
    """Queues ten thousand items of each signal while every sink is down, to be sent in full batches."""
    await stage.down(*SINKS.values())
    await stage.sender.send(10_000, _FAST)
    await stage.up()


async def _outage(stage: Stage, *sinks: str) -> None:
    await stage.down(*sinks)
    over = time.monotonic() + stage.outage
    await stage.sender.send(600, _RATE)
    for signal in SIGNALS:
        if SINKS[signal] not in sinks:
            await _all_delivered(stage, signal)
    # The outage has to last: there is no event to wait for.
    await asyncio.sleep(max(over - time.monotonic(), 0))
    await stage.up()


async def _all_delivered(stage: Stage, signal: str) -> None:
    wanted = len(stage.sender.books[signal].acknowledged)

    async def reached() -> bool:
        return stage.delivered(signal) >= wanted

    await until(f"{SINKS[signal]} has its {wanted} items although another sink is down", reached)


async def slow(stage: Stage) -> None:
    """Makes every sink take two seconds to respond."""
    stage.behave(Fault(delay=2.0))
    await stage.sender.send(600, _RATE)
    await stage.served(2)
    await stage.up()


async def too_slow(stage: Stage) -> None:
    """Makes every sink store the items but respond after the exporter's timeout."""
    stage.behave(Fault(delay=3.0))
    await stage.sender.send(200, _RATE)
    await stage.served(2)
    await stage.up()


async def lost_acknowledgement(stage: Stage) -> None:
    """Makes every sink store the items but respond with 503."""
    stage.behave(Fault(answer=503))
    await stage.sender.send(200, _RATE)
    await stage.answered(503, 3, *SINKS.values())
    await stage.up()


async def retryable(stage: Stage) -> None:
    """Makes every sink respond with 429, 502, 503 and 504 in turn."""
    for code in (429, 502, 503, 504):
        stage.behave(status(code))
        await stage.sender.send(100, _RATE)
        await stage.answered(code, 2, *SINKS.values())
    await stage.up()


async def answers_400(stage: Stage) -> None:
    """Makes every sink reject permanently with 400, then recover."""
    await _permanent(stage, 400)


async def answers_500(stage: Stage) -> None:
    """Makes every sink respond with 500, which the Collector's exporter treats as permanent, then recover."""
    await _permanent(stage, 500)


async def _permanent(stage: Stage, code: int) -> None:
    stage.behave(status(code))
    await stage.sender.send(200, _RATE)
    await stage.answered(code, 1, *SINKS.values())
    await settle(stage)
    await stage.up()
    await stage.sender.send(200, _RATE)


async def killed_under_load(stage: Stage) -> None:
    """Kills the Collector (SIGKILL) twice while it receives and delivers."""
    load = asyncio.create_task(stage.sender.send(1500, 400))
    for reached in (300, 900):
        await stage.acknowledged(reached)
        await stage.crash()
    await load


async def prometheus_killed(stage: Stage) -> None:
    """Kills Prometheus (SIGKILL) twice while it receives items, and restarts it.

    Not Jaeger: it acknowledges before it has written, so its own crash may lose what the Collector delivered.
    """
    await _killed(stage, "prometheus")


async def victorialogs_killed(stage: Stage) -> None:
    """Kills VictoriaLogs (SIGKILL) twice while it receives items, and restarts it."""
    await _killed(stage, "victorialogs")


async def victorialogs_restarted(stage: Stage) -> None:
    """Stops VictoriaLogs (SIGTERM) twice while it receives items, and restarts it."""
    store = _program(stage, "victorialogs")
    load = asyncio.create_task(stage.sender.send(1500, 400))
    for reached in (300, 900):
        await stage.acknowledged(reached)
        await store.stop()
        await store.start()
    await load


async def _killed(stage: Stage, name: str) -> None:
    store = _program(stage, name)
    load = asyncio.create_task(stage.sender.send(1500, 400))
    for reached in (300, 900):
        await stage.acknowledged(reached)
        store.kill()
        await store.start()
    await load


def _program(stage: Stage, name: str) -> Program:
    return next(program for program in stage.world.programs if program.name == name)


async def killed_in_replay(stage: Stage) -> None:
    """Fills the queues while every sink is down, and kills the Collector while it empties them."""
    await stage.down(*SINKS.values())
    await stage.sender.send(1000, 500)
    await stage.up()
    stage.behave(Fault(delay=0.5))
    await until("each sink received some items", lambda: _each_received_some(stage))
    await stage.crash()
    for signal in SIGNALS:
        if stage.delivered(signal) >= len(stage.sender.books[signal].acknowledged):
            raise BenchError(f"{SINKS[signal]} had everything when the Collector was killed: send more")
    await stage.up()
    stage.behave(Fault())


async def _each_received_some(stage: Stage) -> bool:
    return all(stage.delivered(signal) for signal in SIGNALS)


async def restarted(stage: Stage) -> None:
    """Stops the Collector gracefully while its queues are full, and restarts it."""
    await stage.down(*SINKS.values())
    await stage.sender.send(600, _RATE)
    await stage.restart()
    await stage.up()


async def queue_full(stage: Stage) -> None:
    """Sends more than the small queues can hold while every sink is down."""
    await stage.down(*SINKS.values())
    await asyncio.gather(*(_fill(stage, signal) for signal in SIGNALS))
    await stage.up()
    await settle(stage)
    await stage.sender.send(100, _RATE)


async def _fill(stage: Stage, signal: str) -> None:
    """Sends until two requests of the signal are abandoned, or far more has been sent than fits."""
    book = stage.sender.books[signal]
    while len(book.sent) - len(book.acknowledged) < 2 * BATCH:
        if len(book.sent) > _FAR_TOO_MUCH:
            raise BenchError(f"{len(book.sent)} items of {signal} did not fill the queue: it is too large")
        await stage.sender.send(BATCH, _FAST, (signal,))


async def disk_full(stage: Stage) -> None:
    """Sends more than the queues' disk can hold while every sink is down; no space is freed."""
    await stage.down(*SINKS.values())
    await asyncio.gather(*(_fill(stage, signal) for signal in SIGNALS))
    await stage.up()
    # Send during the recovery, too: the queue's gauge is correct again only after the next item.
    await stage.sender.send(200, _RATE)


async def disk_full_relieved(stage: Stage) -> None:
    """Sends more than the queues' disk can hold while every sink is down; then space is freed."""
    await stage.down(*SINKS.values())
    await asyncio.gather(*(_fill(stage, signal) for signal in SIGNALS))
    enlarge(stage.collector.state, 64)
    await stage.sender.send(200, _RATE)
    await stage.up()


async def clock_inside(stage: Stage) -> None:
    """Sends with a clock that is five hours behind, then five minutes ahead: inside every window."""
    for skew in (-5 * _HOUR, _HOUR / 12):
        stage.sender.set_clock(skew)
        await stage.sender.send(200, _RATE)


async def clock_behind(stage: Stage) -> None:
    """Sends with the true time, then seven hours behind: outside Prometheus' window."""
    await _skewed(stage, -7 * _HOUR)


async def clock_ahead(stage: Stage) -> None:
    """Sends with the true time, then two hours ahead: further than Prometheus accepts."""
    await _skewed(stage, 2 * _HOUR)


async def clock_mixed(stage: Stage) -> None:
    """Sends every other request seven hours behind, so that one batch mixes valid and unstorable items."""
    for _ in range(10):
        for skew in (0.0, -7 * _HOUR):
            stage.sender.set_clock(skew)
            await stage.sender.send(BATCH, _RATE)


async def _skewed(stage: Stage, skew: float) -> None:
    await stage.sender.send(200, _RATE)
    await settle(stage)
    stage.sender.set_clock(skew)
    await stage.sender.send(200, _RATE)


async def optional_dead(stage: Stage) -> None:
    """Takes the optional sink down, its queue long full, while the others work."""
    await stage.world.sentry.door.shut()
    await stage.sender.send(1500, 500)


async def optional_refusing(stage: Stage) -> None:
    """Makes the optional sink respond to everything with 503, its queue long full, while the others work."""
    stage.world.sentry.fault = status(503)
    await stage.sender.send(1500, 500)
