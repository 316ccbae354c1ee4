"""Runs the LogQL and TraceQL of the boards in a stack's stores: as it is, or translated."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from statistics import median
from typing import Any

from stack.boards.dashboards import Dashboard, Panel, Target
from stack.boards.expansion import Values, expand
from stack.boards.settings import Settings
from stack.boards.sources import AwayError, Sources
from stack.boards.window import Window
from stack.native import boards as part
from stack.native.native_stack import NativeStack
from tests.stack.running.executed import TIMES, Ran


def settings(stack: NativeStack) -> Settings:
    """Returns where the stack's boards find their stores."""
    return Settings.from_env(part.environment(stack.environment, stack.folder / "etc" / part.NAME))


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
    empty = "" if found or error else f"no {target.source}"
    return Ran(uid, panel.title, target.ref_id, query, median(spent), error, empty)


def _question(
    panel: Panel, target: Target, query: str, window: Window, sources: Sources
) -> Callable[[], Awaitable[Sequence[Any]]]:
    if target.source == "traces":
        return lambda: sources.traces.search(target, query, window)
    if panel.kind == "logs":
        return lambda: sources.logs.lines(target, query, window)
    return lambda: sources.logs.series(target, query, window, panel.title)
