"""Every query of every board is executed on the running stack: none fails, is empty or slow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from stack.boards.dashboards import Dashboard, load
from stack.boards.sources import opened
from stack.native.native_stack import NativeStack
from tests.stack.running import executed_logs
from tests.stack.running.executed import MILLISECONDS, Executor, Ran, table
from tests.stack.running.nothing import expected, unneeded
from tests.stack.running.stores import Stores

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("studied")]

# The stack is a minute old: in a day's range, no step of a graph would be within its life.
YOUNG: Final = "now-15m"


@pytest.fixture(name="boards", scope="module")
def _boards() -> list[Dashboard]:
    return load()


@pytest.fixture(name="ran", scope="module")
def _ran(stack: NativeStack, stores: Stores, boards: list[Dashboard]) -> list[Ran]:
    """What came of each query."""
    with stores.prometheus() as client:
        executor = Executor(client)
        found = [each for board in boards for each in executor.board(board, YOUNG)]
    return found + asyncio.run(_others(stack, boards, executor))


async def _others(stack: NativeStack, boards: list[Dashboard], executor: Executor) -> list[Ran]:
    """Returns what came of the queries to the log store and the trace store."""
    async with opened(executed_logs.settings(stack)) as sources:
        return [each async for each in executed_logs.executed(boards, executor.values, sources)]


def test_every_query_is_executed(ran: list[Ran], boards: list[Dashboard]) -> None:
    assert sorted(each.name for each in ran) == sorted(name for board in boards for name in _names(board))


def _names(board: Dashboard) -> Iterator[str]:
    """Yields the name of each query of a board: of variables, panels and annotations."""
    asking = (each.name for each in board.variables if each.kind == "query")
    yield from (f"{board.uid} / variable {name} / A" for name in asking)
    for panel in board.panels:
        yield from (f"{board.uid} / {panel.title} / {each.ref_id}" for each in panel.targets)
    yield from (f"{board.uid} / annotation {each.name} / {each.target.ref_id}" for each in board.annotations)


def test_no_query_fails(ran: list[Ran]) -> None:
    assert [f"{each.name}: {each.error}" for each in ran if each.error] == []


def test_no_panel_is_blank(
    ran: list[Ran], boards: list[Dashboard], record_property: Callable[[str, object], None]
) -> None:
    record_property("note", table(ran, boards))
    blank = [f"{each.name}: {each.text}" for each in ran if each.empty and not expected(each)]
    assert blank == [], "\n".join(blank)


def test_what_is_called_empty_is_empty(ran: list[Ran]) -> None:
    """Else the list hides the panel that becomes blank next."""
    assert unneeded(ran) == []


def test_no_query_is_slow(ran: list[Ran]) -> None:
    slow = [each for each in ran if each.milliseconds > MILLISECONDS]
    assert [f"{each.name}: {each.milliseconds:.0f} ms: {each.text}" for each in slow] == []
