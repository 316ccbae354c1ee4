"""The ledger: whatever breaks, nothing acknowledged is lost, and a real loss is detected."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from bench.ledger.items import SIGNALS, Series, clock_for, numbers
from bench.ledger.outcome import play
from bench.ledger.report import table
from bench.ledger.scenario import Scenario
from bench.ledger.scenarios import SCENARIOS
from bench.ledger.world import World, world

RULES = Path(__file__).resolve().parents[3] / "alertmanager" / "rules"
PLAYED = [
    pytest.param(each, id=each.name, marks=[] if each.short else [pytest.mark.long]) for each in SCENARIOS
]
# The longest is down for five and a half minutes.
PATIENCE = 900


@pytest.fixture(scope="module", name="here")
async def _here() -> AsyncIterator[World]:
    async with world() as here:
        yield here


@pytest.mark.timeout(PATIENCE)
@pytest.mark.parametrize("scenario", PLAYED)
async def test_the_scenario_keeps_its_promise(here: World, scenario: Scenario) -> None:
    async with asyncio.timeout(120 if scenario.short else PATIENCE - 60):
        outcome = await play(here, scenario)
    assert not outcome.problems, table(outcome)


@pytest.mark.parametrize("signal", SIGNALS)
def test_numbers_survive_a_round_trip_through_a_request(signal: str) -> None:
    body = Series("run", signal, clock_for(signal)).request(range(40, 60))
    assert numbers(signal, body, "") == [("run", number) for number in range(40, 60)]


def test_the_evidence_names_existing_alerts() -> None:
    groups = [group for path in RULES.glob("*.yml") for group in yaml.safe_load(path.read_text())["groups"]]
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    assert {each.alert for scenario in SCENARIOS for each in scenario.evidence} <= alerts


def test_every_metric_that_shows_a_loss_has_an_alert() -> None:
    expressions = " ".join(
        str(rule.get("expr", ""))
        for path in RULES.glob("*.yml")
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    )
    patterns = re.findall(r'__name__=~"([^"]+)"', expressions)
    shown = [each for scenario in SCENARIOS for each in scenario.evidence]
    assert shown
    for each in shown:
        by_pattern = any(re.fullmatch(pattern, each.metric) for pattern in patterns)
        assert by_pattern or each.metric in expressions, f"no rule reads {each.metric}"
        assert each.labels.get("filter", "") in expressions, f"no rule reads {each.labels}"
