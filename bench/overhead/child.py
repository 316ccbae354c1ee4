"""One variant in its own process: ``python -m bench.overhead.child NAME``, with commands on stdin.

Each line on stdin is a request in JSON, each line on stdout its answer; the application's own output goes
to the `--output` file.

    {"do": "run", "requests": N}    serve N requests in-process
    {"do": "count", "requests": N}  the same, counting the interpreter's calls
    {"do": "flush"}                 send all pending telemetry
    {"do": "clock"}                 CPU seconds of this process
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any, Final, TextIO

import uvicorn
import uvloop

from bench.overhead.application import application
from bench.overhead.exchange import Exchanges
from bench.overhead.figures import CALLING, OTHER, SENDING, SERVING
from bench.overhead.variants import variant

Answer = dict[str, Any]

# By the prefix of a thread's name; the database driver works in the event loop's executor.
_WORK: Final = {
    "otel-": SENDING,
    "Otel": SENDING,
    "sentry": SENDING,
    "ThreadPoolExecutor": CALLING,
    "asyncio_": CALLING,
}


class Child:
    """A variant around its application.

    Args:
        name: of the variant.
        routes: how many the application has.
        database_url: empty for an application without a database.
    """

    def __init__(self, name: str, routes: int, database_url: str) -> None:
        entry = variant(name).entry
        self._flush: Callable[[], object] = lambda: None
        if not entry:
            self.app = application(routes, database_url)
            return
        module, _, function = entry.partition(":")
        attach = getattr(import_module(f"bench.overhead.{module}"), function)()
        self.app = application(routes, database_url)
        self._flush = attach(self.app)

    def flush(self) -> Answer:
        """Flushes all pending telemetry."""
        self._flush()
        return {}

    def clock(self) -> Answer:
        """Returns the CPU seconds used by this process, in total and by kind of thread."""
        threads: dict[str, float] = {}
        for thread in threading.enumerate():
            used = time.clock_gettime(time.pthread_getcpuclockid(thread.ident or 0))
            work = _work_of(thread.name)
            threads[work] = threads.get(work, 0.0) + used
        return {"cpu": time.process_time(), "threads": threads}


def _work_of(thread: str) -> str:
    if thread == threading.main_thread().name:
        return SERVING
    return next((work for start, work in _WORK.items() if thread.startswith(start)), OTHER)


def serve_in_process(child: Child, routes: int, replies: TextIO) -> None:
    """Answers the parent's requests until it closes stdin; calls the application directly."""

    async def run() -> None:
        async with child.app.router.lifespan_context(child.app):
            exchanges = Exchanges(child.app, routes)
            for line in sys.stdin:
                request = json.loads(line)
                answer = await _answer(request, exchanges, child)
                print(json.dumps(answer), file=replies, flush=True)

    uvloop.run(run())


async def _answer(request: Answer, exchanges: Exchanges, child: Child) -> Answer:
    if request["do"] == "run":
        return await _measured(exchanges, child, request["requests"])
    if request["do"] == "count":
        return await _counted(exchanges, request["requests"])
    answer: Answer = getattr(child, request["do"])()
    return answer


async def _counted(exchanges: Exchanges, requests: int) -> Answer:
    """Returns the calls, of Python and of C functions, that the serving thread makes per request."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        await exchanges.run(requests)
    finally:
        sys.setprofile(None)
    return {"calls": calls / requests}


async def _measured(exchanges: Exchanges, child: Child, requests: int) -> Answer:
    """Serves the requests, then flushes their telemetry.

    `wall` and `path` (CPU of the serving thread) cover the requests alone; `cpu` covers the whole
    process, exporting included.
    """
    gc.collect()
    cpu, path, wall = time.process_time(), time.thread_time(), time.perf_counter()
    await exchanges.run(requests)
    path, wall = time.thread_time() - path, time.perf_counter() - wall
    child.flush()
    return {"wall": wall, "path": path, "cpu": time.process_time() - cpu}


def serve_uvicorn(child: Child, port: int, replies: TextIO) -> None:
    """Serves over uvicorn, without its access log, and answers the parent from a thread."""
    config = uvicorn.Config(child.app, port=port, access_log=False, log_level="warning")
    server = uvicorn.Server(config)

    def answer_commands() -> None:
        for line in sys.stdin:
            print(json.dumps(getattr(child, json.loads(line)["do"])()), file=replies, flush=True)
        server.should_exit = True

    threading.Thread(target=answer_commands, daemon=True).start()
    server.run()


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.overhead.child")
    parser.add_argument("name")
    parser.add_argument("--routes", type=int, required=True)
    parser.add_argument("--port", type=int, default=0, help="serve over uvicorn; 0: in-process")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    replies = os.fdopen(os.dup(1), "w")
    with options.output.open("ab") as output:
        os.dup2(output.fileno(), 1)
    child = Child(options.name, options.routes, os.environ.get("BENCH_MONGODB_URL", ""))
    print(json.dumps({"pid": os.getpid()}), file=replies, flush=True)
    if options.port:
        serve_uvicorn(child, options.port, replies)
    else:
        serve_in_process(child, options.routes, replies)


if __name__ == "__main__":
    main()
