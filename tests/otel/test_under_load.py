"""Under load with a dead collector no request waits, and memory does not grow."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType, ModuleType

import pytest
from fastapi import FastAPI

import otel
from otel.export.accounting import SignalView
from tests.otel.asgi import request
from tests.otel.conftest import Configure
from tests.otel.receiver import black_hole, receiver, refusing_port, unavailable
from tests.programs import wait_until

AT_ONCE = 20
REQUESTS = 400
# Functions that wait for someone else, as `named` writes them: `str.join` does not wait, `Thread.join` does.
WAITS = {
    *(f"socket.{name}" for name in ("connect", "send", "sendall", "recv", "recv_into")),
    *(f"threading.{name}" for name in ("Thread.join", "Condition.wait", "Condition.wait_for", "Event.wait")),
    "queue.Queue.join",
    "time.sleep",
}
SMALL = {
    "OTEL_BSP_MAX_QUEUE_SIZE": "256",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "128",
    "OTEL_BLRP_MAX_QUEUE_SIZE": "256",
    "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "128",
}
DEAD = [
    pytest.param(refusing_port, id="refuses"),
    pytest.param(black_hole, id="never answers"),
    pytest.param(unavailable, id="answers 503"),
]
Dead = Callable[[], AbstractContextManager[str]]


@contextmanager
def working() -> Iterator[str]:
    with receiver() as state:
        yield state.url


def service() -> FastAPI:
    app = FastAPI()

    @app.get("/items/{item_id}")
    async def read(item_id: str) -> dict[str, str]:
        otel.get_logger("items").info("item_read", item_id=item_id)
        return {"item": item_id}

    otel.instrument(app)
    return app


async def load(app: FastAPI, count: int) -> None:
    """Sends requests, some at a time."""
    numbers = iter(range(count))

    async def client() -> None:
        for number in numbers:
            answer = await request(app, f"/items/{number}")
            assert answer.status == 200

    await asyncio.gather(*(client() for _ in range(AT_ONCE)))


def assert_balanced(account: SignalView, produced: int) -> None:
    assert account["produced"] == produced
    assert produced == account["exported"] + sum(account["dropped"].values()) + account["pending"]


async def test_requests_are_answered_while_an_export_waits_for_its_answer(configure: Configure) -> None:
    """Needs no timing: if a request waited for the collector, this test would never end."""
    with receiver() as collector:
        telemetry = configure(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_BSP_SCHEDULE_DELAY="1", **SMALL)
        app = service()
        collector.answers.clear()
        await load(app, 1)
        wait_until(lambda: collector.waiting > 0, "an export is under way")
        await load(app, 2_000)
        assert (collector.spans(), collector.records()) == ([], [])
        account = telemetry.accounting()["traces"]
        assert account["pending"] <= 256 + 128
        assert account["dropped"]["queue_full"] >= 2_001 - 256 - 128
        assert_balanced(telemetry.accounting()["traces"], 2_001)
        collector.answers.set()
        wait_until(lambda: telemetry.accounting()["traces"]["pending"] == 0, "no span is pending")
        assert_balanced(telemetry.accounting()["traces"], 2_001)


@pytest.mark.parametrize("dead", DEAD)
async def test_requests_do_no_more_work_than_with_a_working_collector(
    configure: Configure, dead: Dead
) -> None:
    app = service()
    usual = await work(configure, app, working)
    found = await work(configure, app, dead)
    # Measured 0.98 to 1.02: a full queue drops an item where another one stores it.
    assert found.total() < 1.1 * usual.total()
    assert WAITS & found.keys() == set()


def test_calls_that_wait_are_counted_by_the_names_that_are_looked_for() -> None:
    """Otherwise the test above could not fail."""
    calls: Counter[str] = Counter()
    ended = threading.Thread(target=str)
    ended.start()
    ours, theirs = socket.socketpair()
    with counted(calls), ours, theirs:
        ended.join()
        time.sleep(0)
        threading.Event().wait(0)
        ours.sendall(b"-")
        theirs.recv(1)
        ",".join("ab")
    waits = {"threading.Thread.join", "time.sleep", "threading.Event.wait", "threading.Condition.wait"}
    assert WAITS & calls.keys() == waits | {"socket.sendall", "socket.recv"}


async def work(configure: Configure, app: FastAPI, collector: Dead) -> Counter[str]:
    """Counts the calls, of Python and of C functions, in which this thread answers the requests."""
    calls: Counter[str] = Counter()
    with collector() as url:
        telemetry = configure(OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_BSP_SCHEDULE_DELAY="10", **SMALL)
        await load(app, REQUESTS)
        with counted(calls):
            await load(app, REQUESTS)
        telemetry.shutdown(0.3)
    return calls


@contextmanager
def counted(calls: Counter[str]) -> Iterator[None]:
    """Adds to ``calls`` each call of this thread, by its module and qualified name."""

    def count(frame: FrameType, event: str, function: object) -> None:
        if event == "call":
            calls[f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}"] += 1
        elif event == "c_call":
            calls[named(function)] += 1

    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(None)


def named(function: object) -> str:
    """Returns a C function's name, as ``time.sleep``, or that of a method, as ``socket.send``."""
    owner = getattr(function, "__self__", None)
    if isinstance(owner, ModuleType):
        return f"{owner.__name__}.{getattr(function, '__name__', '')}"
    return str(getattr(function, "__qualname__", type(function).__name__))


# Runs in a separate process, because pytest keeps every line and record that it sees.
LOAD = """
import asyncio, gc, json, sys, tracemalloc
import otel
from tests.otel.test_under_load import load, service

telemetry = otel.configure()
app = service()

async def main():
    await load(app, 1_000)  # fills everything that is bounded
    tracemalloc.start()
    await load(app, 500)
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    await load(app, 1_500)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    print(json.dumps([after - before, telemetry.accounting()]), file=sys.stderr)

asyncio.run(main())
"""


@pytest.mark.parametrize("dead", DEAD)
def test_memory_does_not_grow_while_the_collector_is_away(dead: Dead) -> None:
    quick = {"TELEMETRY_SHUTDOWN_SECONDS": "0.5", "TELEMETRY_RUNTIME_METRICS": "off"}
    with dead() as url:
        environ = {**os.environ, **SMALL, **quick, "OTEL_EXPORTER_OTLP_ENDPOINT": url}
        command = [sys.executable, "-c", LOAD]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=280)
    [result] = [line for line in done.stderr.splitlines() if line.startswith("[")]
    grown, accounts = json.loads(result)
    # Measured 0.2 to 0.9 MB; keeping 1,500 spans and 3,000 records would take 3.6 MB.
    assert grown < 2_000_000
    assert_balanced(accounts["traces"], 3_000)
    # An access line per request, and what the burst limit admits of the other; exporter logs are excluded.
    assert 3_000 < accounts["logs"]["produced"] < 3_300
    assert accounts["traces"]["pending"] <= 256 + 128
