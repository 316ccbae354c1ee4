"""Runs the LogQL and TraceQL of the boards: in Loki and Tempo, or translated in the native stack's stores."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from statistics import median
from typing import Any, Final

from stack.boards.dashboards import Dashboard, Panel, Target
from stack.boards.expansion import Values, expand
from stack.boards.settings import Settings
from stack.boards.sources import AwayError, Sources
from stack.boards.window import Window
from stack.native import boards as part
from stack.native.native_stack import NativeStack
from tests.stack.running.executed import TIMES, Ran

# Addresses of stores that run already: of Loki and Tempo, which nothing here builds.
_OWN: Final = {"LOKI_URL": "VICTORIALOGS_URL", "TEMPO_URL": "JAEGER_URL"}


def settings(stack: NativeStack) -> Settings:
    """Returns where the stores are: those of the stack, or those that the environment names."""
    found = part.environment(stack.environment, stack.folder / "etc" / part.NAME)
    for name, instead in _OWN.items():
        if address := os.environ.get(name):
            found[f"BOARDS_{name}"] = address
            found.pop(f"BOARDS_{instead}", None)
    return Settings.from_env(found)


def elsewhere(source: str) -> bool:
    """Returns whether a store is one that has not seen this stack's learners."""
    return bool(os.environ.get({"logs": "LOKI_URL", "traces": "TEMPO_URL"}[source]))


async def executed(
    boards: Sequence[Dashboard], values: Mapping[str, Values], sources: Sources
) -> AsyncIterator[Ran]:
    """Yields what came of each query to the log store and the trace store."""
    for board in boards:
        window = Window.of("now-15m", "now", now=time.time())
        for panel in board.panels:
            for target in panel.targets:
                if target.source in {"logs", "traces"}:
                    yield await _run(board.uid, panel, target, values[board.uid], window, sources)


async def _run(
    uid: str, panel: Panel, target: Target, values: Values, window: Window, sources: Sources
) -> Ran:
    query = expand(target.text, values, window, source=target.source, where=f"{uid}: {panel.title}")
    question = _question(panel, target, query, window, sources)
    spent, found, error = [], 0, ""
    for _ in range(TIMES):
        started = time.perf_counter()
        try:
            found = len(await sources.ask(target.source, question()))
        except AwayError as refused:
            error = str(refused)
        spent.append((time.perf_counter() - started) * 1000)
    empty = "" if found or error or elsewhere(target.source) else f"no {target.source}"
    return Ran(uid, panel.title, target.ref_id, query, median(spent), error, empty)


def _question(
    panel: Panel, target: Target, query: str, window: Window, sources: Sources
) -> Callable[[], Awaitable[Sequence[Any]]]:
    if target.source == "traces":
        return lambda: sources.traces.search(target, query, window)
    if panel.kind == "logs":
        return lambda: sources.logs.lines(target, query, window)
    return lambda: sources.logs.series(target, query, window, panel.title)
