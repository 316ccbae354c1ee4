"""The stores, the faults in front of them, and the Collector of one scenario."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.collector import Collector, Recipe, scaled_retry
from bench.ledger.items import SIGNALS
from bench.ledger.proxy import PASS, Fault, Proxy
from bench.ledger.sender import Patience, Sender
from bench.ledger.sentry_intake import SentryIntake
from bench.ledger.shelves import Shelves
from bench.process import Program, local, until
from bench.stores import jaeger, prometheus, victorialogs, watch
from collector_kit.fragments import LEAN, sentry_environment
from stack.native.ports import free_ports

SINKS: Final = {"traces": "jaeger", "metrics": "prometheus", "logs": "victorialogs"}
PRIMARY: Final = ("base.yaml", *LEAN, "prometheus.yaml", "victorialogs.yaml", "jaeger.yaml")
OPTIONAL: Final = "sentry.yaml"
# The default limit of the Collector's retries, in seconds: after that, a default configuration drops data.
DEFAULT_RETRY: Final = 300.0
SCALE: Final = 60.0


@dataclass
class World:
    """What all scenarios share.

    Args:
        folder: for everything that is written.
        programs: the real stores.
        proxies: by signal, the proxies that the Collector sends to.
        sentry: the optional sink.
        shelves: reads the stores.
    """

    folder: Path
    programs: Sequence[Program]
    proxies: dict[str, Proxy]
    sentry: SentryIntake
    shelves: Shelves
    runs: int = 0

    async def all_open(self) -> None:
        """Makes every sink reachable and healthy."""
        await asyncio.gather(*(proxy.open() for proxy in self.proxies.values()))
        self.sentry.fault = PASS
        await self.sentry.door.open()

    def environment(self) -> dict[str, str]:
        """Returns the variables that point the fragments' sinks at the proxies."""
        return {
            "PROMETHEUS_URL": self.proxies["metrics"].url,
            "VICTORIALOGS_URL": self.proxies["logs"].url,
            "JAEGER_OTLP_URL": self.proxies["traces"].url,
            **sentry_environment(self.sentry.dsn),
        }


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Starts the real stores and the proxies on free ports, and stops them."""
    with tempfile.TemporaryDirectory(prefix="ledger-") as name:
        folder = Path(name)
        ports = free_ports(8)
        programs = (
            prometheus(folder, ports[0], alerts=True),
            victorialogs(folder, ports[1]),
            jaeger(folder, ports[2], ports[3]),
        )
        urls = {"metrics": local(ports[0]), "logs": local(ports[1]), "traces": local(ports[3])}
        proxies = {
            signal: Proxy(SINKS[signal], signal, port, urls[signal])
            for signal, port in zip(SIGNALS, ports[4:7], strict=True)
        }
        sentry = SentryIntake(ports[7], "0123456789abcdef0123456789abcdef")
        shelves = Shelves(urls | {"traces": local(ports[2])})
        try:
            await asyncio.gather(*(program.start() for program in programs))
            yield World(folder, programs, proxies, sentry, shelves)
        finally:
            await shelves.close()
            await sentry.door.shut()
            await asyncio.gather(*(proxy.close() for proxy in proxies.values()))
            # Their data is discarded, so they need not flush it.
            for program in programs:
                program.kill()


@dataclass(frozen=True)
class Setting:
    """How a scenario's Collector differs from the unchanged fragments.

    Args:
        scale: how many times shorter than in the fragments the retry pauses are.
        sentry: whether the optional sink's fragment is included.
        environment: further variables.
        overlay: configuration merged last.
        patience: how the sender retries.
        fragments: the files; empty is the native stack's edge and the three primary sinks.
    """

    scale: float = SCALE
    sentry: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    overlay: Mapping[str, Any] = field(default_factory=dict)
    patience: Patience = field(default_factory=Patience)
    fragments: tuple[str, ...] = ()

    def files(self) -> tuple[str, ...]:
        """Returns the fragments that make up the Collector."""
        return self.fragments or (*PRIMARY, *([OPTIONAL] if self.sentry else []))


@dataclass
class Stage:
    """One scenario's Collector and sender, in front of the shared stores."""

    world: World
    setting: Setting
    run: str
    collector: Collector
    sender: Sender

    @property
    def outage(self) -> float:
        """Returns a duration in seconds that exceeds the default retry, in this scenario's time."""
        return DEFAULT_RETRY * 1.1 / self.setting.scale

    def proxy(self, sink: str) -> Proxy:
        """Returns the proxy in front of a store, by the store's name."""
        return next(proxy for proxy in self.world.proxies.values() if proxy.name == sink)

    async def down(self, *sinks: str) -> None:
        """Makes the sinks refuse connections."""
        await asyncio.gather(*(self.proxy(sink).shut() for sink in sinks))

    async def up(self) -> None:
        """Makes all sinks healthy."""
        await self.world.all_open()

    def behave(self, fault: Fault, *sinks: str) -> None:
        """Gives the sinks (all, if none is named) a fault."""
        for sink in sinks or SINKS.values():
            self.proxy(sink).fault = fault

    def delivered(self, signal: str) -> int:
        """Returns how many numbers of the run the signal's store has accepted so far."""
        return len(self.world.proxies[signal].wire.delivered.get(self.run, ()))

    async def crash(self) -> None:
        """Kills the Collector (SIGKILL) and restarts it on the same disk."""
        self.collector.program.kill()
        await self.collector.program.start()

    async def restart(self) -> None:
        """Stops the Collector as a supervisor does (SIGTERM) and restarts it."""
        await self.collector.program.stop()
        await self.collector.program.start()

    async def acknowledged(self, items: int) -> None:
        """Returns when that many items of each signal are acknowledged."""

        async def reached() -> bool:
            return all(len(book.acknowledged) >= items for book in self.sender.books.values())

        await until(f"{items} items of each signal acknowledged", reached)

    async def answered(self, status: int, times: int, *sinks: str) -> None:
        """Returns when each sink has responded with this status that often since the stage began."""

        async def reached() -> bool:
            return all(self.proxy(sink).wire.answers[status] >= times for sink in sinks)

        await until(f"{', '.join(sinks)} answered {status} {times} times", reached)

    async def served(self, times: int) -> None:
        """Returns when each sink has answered that many requests with 2xx since the stage began."""

        async def reached() -> bool:
            wires = [proxy.wire.answers for proxy in self.world.proxies.values()]
            return all(sum(wire[code] for code in wire if code < 300) >= times for wire in wires)  # noqa: PLR2004 - HTTP

        await until(f"each sink answered {times} requests", reached)


@asynccontextmanager
async def stage(here: World, name: str, setting: Setting) -> AsyncIterator[Stage]:
    """Starts a Collector and a sender for one scenario, and stops them."""
    here.runs += 1
    run = f"{name}-{here.runs}"
    await here.all_open()
    for proxy in here.proxies.values():
        proxy.wire.answers.clear()
    recipe = Recipe(
        setting.files(),
        here.environment() | dict(setting.environment),
        merged(scaled_retry(setting.files(), setting.scale), setting.overlay),
    )
    collector = Collector(here.folder / run, recipe)
    sender = Sender(collector.port, collector.token, run, setting.patience)
    watch(here.folder, "collector", [collector.metrics_port])
    await collector.program.start()
    try:
        yield Stage(here, setting, run, collector, sender)
    finally:
        await sender.close()
        collector.program.kill()


def merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Returns both as the Collector merges files: maps key by key, everything else replaced."""
    result = dict(first)
    for key, value in second.items():
        known = result.get(key)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            result[key] = merged(known, value)
        else:
            result[key] = value
    return result
