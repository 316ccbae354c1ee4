"""Measures how long the worst record and the worst failing request block the event loop.

Passes values and failures that keep naive telemetry busy for seconds to our library, in its own process;
``python -m bench.overhead.worst FILE`` writes the result.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

from fastapi import FastAPI

import otel
from otel.config.settings import TelemetryConfig

RECORD_AIM, REQUEST_AIM = 0.005, 0.025
_REPEATS: Final = 15
_NOWHERE: Final = "127.0.0.1:9"  # the discard port, which refuses connections at once
_MILLI: Final = 1000
_SECTION: Final = """\
## The most expensive items

CPU time of the serving thread, the median of {repeats} repeats, redaction included; in brackets the first
run, which also reads source files and fills caches.

| what | worst | case | aim |
|---|---|---|---|
{rows}
"""

Values = Mapping[str, Callable[[], object]]


@dataclass(frozen=True, slots=True)
class Worst:
    """Seconds of the costliest case; `first` is its first run."""

    what: str
    case: str
    seconds: float
    first: float
    aim: float

    @property
    def reached(self) -> bool:
        """Returns whether the cost is within the limit."""
        return self.seconds <= self.aim


def measure_worst() -> list[Worst]:
    """Returns the worst record and the worst failing request, measured in a process of their own."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        command = [sys.executable, "-m", "bench.overhead.worst", str(answer)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return [Worst(**each) for each in json.loads(answer.read_text())]


def section(found: Sequence[Worst]) -> str:
    """Returns the section of the page."""
    rows = [
        f"| {each.what} | **{each.seconds * _MILLI:.1f} ms** ({each.first * _MILLI:.1f}) | {each.case} "
        f"| {each.aim * _MILLI:.0f} ms, {'reached' if each.reached else '**not reached**'} |"
        for each in found
    ]
    return _SECTION.format(repeats=_REPEATS, rows="\n".join(rows))


class _Node:
    def __init__(self, number: int) -> None:
        self.number = number
        self.peers: list[_Node] = []

    def __repr__(self) -> str:
        return f"Node({self.number}, {self.peers})"


class _DetailError(Exception):
    def __init__(self, detail: object) -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        return f"refused: {self.detail!r}"


def _graph() -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = [{"id": number} for number in range(9)]
    for node in nodes:
        node["peers"] = list(nodes)
    return nodes


def _diamonds() -> object:
    below = _Node(0)
    for number in range(30):
        above = _Node(number)
        above.peers = [below, below]
        below = above
    return below


def _payload() -> object:
    row = {"id": 1, "text": "some words: and more " * 8}
    return {f"page {page}": [{**row, "id": number} for number in range(40)] for page in range(200)}


def _text(unit: str) -> Callable[[], object]:
    return lambda: unit * (200_000 // len(unit))


VALUES: Final[Values] = {
    "mappings that all refer to each other": _graph,
    "objects that each show two others, 30 deep": lambda: [_diamonds() for _ in range(40)],
    "2 MB of nested payload": _payload,
    "a text of near pairs": _text("a: b=c "),
    "a text of near queries": _text("?a="),
    "a text of near tokens": _text("eyJ"),
    "a text of near card numbers": _text("4111 1111 1111 111 "),
    "a text of near mail addresses": _text("ada@"),
    "a thousand texts of mixed letters": lambda: [f"Zm9vYmFyYmF6MTIz{number}" for number in range(1000)],
}


def _fail(levels: int, error: Exception) -> None:
    if levels == 0:
        raise error
    _fail(levels - 1, error)


def _caught(error: Exception, levels: int) -> Exception:
    try:
        _fail(levels, error)
    except Exception as caught:  # noqa: BLE001 - the caller chose the type
        return caught
    raise AssertionError


def _chain() -> Exception:
    latest = _caught(ValueError("first"), 30)
    for number in range(2000):
        link = ValueError(f"link {number}")
        link.__cause__ = latest
        latest = _caught(link, 5)
    return latest


def _group(depth: int) -> Exception:
    if depth == 0:
        return _caught(KeyError("leaf"), 20)
    return ExceptionGroup(f"level {depth}", [_group(depth - 1) for _ in range(8)])


FAILURES: Final[Mapping[str, Callable[[], Exception]]] = {
    "an ordinary failure": lambda: ValueError("no such course"),
    "a failure 300 calls deep": lambda: _caught(ValueError("deep"), 300),
    "2,000 causes": _chain,
    "a group of groups, 512 members": lambda: _group(3),
    "a message of 200 KB": lambda: ValueError("a: b=c " * 30_000),
    "a message that quotes a graph": lambda: _DetailError(_graph()),
    "an argument that is a graph": lambda: ValueError(_graph()),
}


def _median(act: Callable[[], object]) -> tuple[float, float]:
    seconds: list[float] = []
    for _ in range(_REPEATS):
        started = time.thread_time()
        act()
        seconds.append(time.thread_time() - started)
    return median(seconds), seconds[0]


def _worst_record() -> Worst:
    log, found = otel.get_logger("bench"), []
    for case, make in VALUES.items():
        value = make()
        found.append((*_median(partial(log.info, "loaded", value=value)), case))
    for case, make_error in FAILURES.items():
        error = make_error()
        found.append((*_median(partial(log.error, "failed", exc_info=error)), case))
    seconds, first, case = max(found)
    return Worst("a record", case, seconds, first, RECORD_AIM)


async def _worst_request() -> Worst:
    app = FastAPI()
    raised = {case: make() for case, make in FAILURES.items()}
    stacks = {case: error.__traceback__ for case, error in raised.items()}

    values = [make() for make in VALUES.values()]

    @app.get("/courses/{case}")
    async def fail(case: str) -> None:
        for number, value in enumerate(values):
            otel.breadcrumb("course.loaded", number=number, value=value)
        error = raised[case]
        # Each raise extends the traceback, so start from the original one.
        raise error.with_traceback(stacks[case])

    otel.instrument(app, render_error=otel.render_problem)
    found = []
    for case in FAILURES:
        seconds = [await _request(app, case) for _ in range(_REPEATS)]
        found.append((median(seconds), seconds[0], case))
    worst, first, case = max(found)
    return Worst("a failing request", case, worst, first, REQUEST_AIM)


async def _request(app: FastAPI, case: str) -> float:
    """Returns the seconds of one request, those of FastAPI included."""
    scope = {"type": "http", "method": "GET", "path": f"/courses/{case}", "query_string": b"", "headers": []}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(_message: MutableMapping[str, Any]) -> None:
        pass

    started = time.thread_time()
    await app(scope, receive, send)
    return time.thread_time() - started


def main() -> None:
    """Measures and writes the findings as JSON into the file of the first argument."""
    exporting = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{_NOWHERE}",
        "SENTRY_DSN": f"http://key@{_NOWHERE}/1",
    }
    unlimited = {"TELEMETRY_LOG_BURST": "0", "TELEMETRY_ERROR_BURST": "0"}
    otel.configure(TelemetryConfig.from_env({"OTEL_SERVICE_NAME": "bench", **exporting, **unlimited}))
    found = [_worst_record(), asyncio.run(_worst_request())]
    Path(sys.argv[1]).write_text(json.dumps([asdict(each) for each in found]))
    os._exit(0)  # nothing needs to arrive


if __name__ == "__main__":
    main()
