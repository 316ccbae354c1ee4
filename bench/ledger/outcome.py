"""Plays a scenario and reports the promises that its ledger breaks."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from bench.ledger.disk import can_mount, small_disk
from bench.ledger.scenario import Evidence, Scenario
from bench.ledger.tally import Row, settle, tally
from bench.ledger.world import SINKS, Stage, World, stage
from bench.process import BenchError, until

# Seconds: scrapes and rule evaluations run every second, and the loss alerts have no delay.
_FIRES_WITHIN: Final = 15.0
# Stores that return an item as often as they have received it.
KEEPS_BOTH: Final = frozenset({"victorialogs"})


@dataclass(frozen=True, slots=True)
class Shown:
    """A metric's final value, and whether its alert fired."""

    evidence: Evidence
    value: float
    fired: bool


@dataclass(frozen=True)
class Outcome:
    """The outcome of a scenario.

    Args:
        scenario: that was played.
        rows: one per sink and signal.
        answers: responses to the senders, by status.
        shown: the evidence with its values.
        problems: one sentence per broken promise.
        seconds: how long it took.
        skipped: why it was not played; empty if it was.
    """

    scenario: Scenario
    rows: tuple[Row, ...] = ()
    answers: Counter[str] | None = None
    shown: tuple[Shown, ...] = ()
    problems: tuple[str, ...] = ()
    seconds: float = 0.0
    skipped: str = ""


async def play(world: World, scenario: Scenario) -> Outcome:
    """Plays a scenario in front of the shared stores and returns its outcome.

    Raises:
        BenchError: the scenario could not be played to its end.
    """
    state = world.folder / f"disk-{scenario.name}"
    if scenario.disk and not can_mount(state):
        return Outcome(scenario, skipped="this user may not mount a small disk")
    setting, started = scenario.setting, time.monotonic()
    if scenario.disk:
        setting = replace(setting, environment={**setting.environment, "COLLECTOR_STATE_DIR": str(state)})
    with _disk(scenario, world):
        async with stage(world, scenario.name, setting) as on:
            await scenario.play(on)
            await settle(on)
            outcome = await _judged(on, scenario)
    return replace(outcome, seconds=time.monotonic() - started)


@contextmanager
def _disk(scenario: Scenario, world: World) -> Iterator[None]:
    if not scenario.disk:
        yield
        return
    with small_disk(world.folder / f"disk-{scenario.name}", scenario.disk):
        yield


async def _judged(on: Stage, scenario: Scenario) -> Outcome:
    rows = tuple(await tally(on))
    shown = tuple([await _shown(on, each) for each in scenario.evidence])
    answers: Counter[str] = sum((book.answers for book in on.sender.books.values()), Counter())
    problems = (
        *(problem for row in rows if row.sink in SINKS.values() for problem in wrong(row, scenario)),
        *(f"{each.evidence.metric} {dict(each.evidence.labels)} is 0" for each in shown if not each.value),
        *(f"the alert {each.evidence.alert} did not fire" for each in shown if not each.fired),
        *wrong_answers(rows, answers, scenario),
        *on.world.sentry.mistakes,
    )
    return Outcome(scenario, rows, answers, shown, problems)


async def _shown(on: Stage, evidence: Evidence) -> Shown:
    """Reads the metric from the Collector, and polls Prometheus until the alert fires or is overdue."""
    shelves, port = on.world.shelves, on.collector.metrics_port
    try:
        await until(evidence.alert, lambda: shelves.fires(evidence.alert, port), _FIRES_WITHIN)
        fired = True
    except BenchError:
        fired = False
    return Shown(evidence, await on.collector.total(evidence.metric, **evidence.labels), fired)


def wrong(row: Row, scenario: Scenario) -> Iterator[str]:
    """Yields a sentence for each promise of the scenario that a primary sink's row breaks."""
    if not row.sent or not row.acknowledged:
        yield f"{row.sink}: nothing was acknowledged, so this proves nothing"
    if row.lost and row.sink not in scenario.losses:
        yield f"{row.sink}: {row.lost} of {row.acknowledged} acknowledged items are lost"
    if not row.lost and row.sink in scenario.losses:
        yield f"{row.sink}: nothing is lost, although {scenario.losses[row.sink]}"
    if scenario.lost and row.lost > scenario.lost:
        yield f"{row.sink}: {row.lost} acknowledged items are lost, at most {scenario.lost} may be"
    if row.duplicated > (row.repeated if scenario.repeats and row.sink in KEEPS_BOTH else 0):
        yield f"{row.sink}: returns {row.duplicated} items more than once"
    if row.repeated and not scenario.repeats:
        yield f"{row.sink}: received {row.repeated} items more than once"


def wrong_answers(rows: tuple[Row, ...], answers: Counter[str], scenario: Scenario) -> Iterator[str]:
    """Yields a sentence for each promise about the senders that the responses break."""
    if scenario.calm and answers.keys() != {"200"}:
        yield f"the senders got {dict(answers)} instead of only 200"
    if scenario.refuses and all(row.sent == row.acknowledged for row in rows):
        yield "everything was acknowledged: no queue was full"
