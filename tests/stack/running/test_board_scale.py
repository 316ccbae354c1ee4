"""With a month of many processes, every panel of every board answers within a second for a week."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from stack.boards.dashboards import load
from tests.stack.running import many
from tests.stack.running.asked import USED
from tests.stack.running.executed import Executor, Ran, table
from tests.stack.running.stores import Stores

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("studied"), pytest.mark.timeout(900)]

MILLISECONDS: Final = 1000
# What is answered in a fifth of the limit is not asked again.
PLAINLY_FAST: Final = 200


@pytest.mark.parametrize("processes", [10, pytest.param(100, marks=pytest.mark.long)])
def test_every_panel_is_fast_for_a_week(
    processes: int, stores: Stores, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    [instance] = stores.names("instance", 'target_info{service_name="lms"}')
    now = int(time.time())
    samples = tmp_path / "samples.txt"
    with samples.open("w") as file:
        loaded = many.write(file, many.copies(stores.series(sorted(USED)), instance, processes), now)
    begun = time.monotonic()
    with many.prometheus(tmp_path, samples) as client:
        spent = time.monotonic() - begun
        executor = Executor(client, now, enough=PLAINLY_FAST)
        boards = load()
        ran = [each for board in boards for each in executor.board(board, "now-7d")]
    record_property(
        "note",
        f"{processes} processes, {loaded.series} series, {loaded.samples} samples, loaded in {spent:.0f} s:",
    )
    record_property("note", table(ran, boards))
    assert [each.error for each in ran if each.error] == []
    assert _slow(ran) == [], "\n".join(_slow(ran))


def _slow(ran: list[Ran]) -> list[str]:
    found = (each for each in ran if each.milliseconds > MILLISECONDS)
    return [f"{each.milliseconds:.0f} ms: {each.name}: {each.text}" for each in found]
