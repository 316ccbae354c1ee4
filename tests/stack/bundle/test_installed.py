"""A bundle, installed where there is nothing else: no panel is blank, and its alerts arrive."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import httpx
import pytest

from stack.native.probes import NO_CERTIFICATES
from tests.programs import wait_until
from tests.stack.bundle.shop import Shop, opened

pytestmark = pytest.mark.stack
# Every panel is asked again and again, which takes longer where other tests run.
PATIENCE: Final = 180.0
# What this installation cannot have, by the panel's title and the letter of its query, with the reason.
BLANK: Final = {
    r".*, against last week B": "last week there was no such service; the line of now is there",
    r"MongoDB\b.* A": "it has no MongoDB; Redis' panels beside these ask the same of the same metrics",
}


def _reason(title: str, letter: str) -> str | None:
    return next((each for each in BLANK if re.fullmatch(each, f"{title} {letter}")), None)


@pytest.fixture(name="shop", scope="module")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with opened(tmp_path_factory.mktemp("installed")) as shop:
        yield shop


def test_no_panel_is_blank(shop: Shop) -> None:
    def unexplained() -> list[tuple[str, str, str]]:
        shop.visit()
        return [each for each in shop.blank() if _reason(*each[1:]) is None]

    wait_until(lambda: not unexplained(), lambda: f"every panel shows something: {unexplained()}", PATIENCE)


def test_no_reason_is_given_for_a_panel_that_shows_something(shop: Shop) -> None:
    blank = {each[1:] for each in shop.blank()}
    asked = {
        (panel.title, target.ref_id)
        for board in shop.boards()
        for panel in board.panels
        for target in panel.targets
    }
    assert {each for each in asked if _reason(*each)} <= blank
    assert {_reason(*each) for each in blank} == set(BLANK)


def test_its_watchdog_fires_and_reaches_its_alertmanager(shop: Shop) -> None:
    def firing() -> list[str]:
        answer = httpx.get(f"{shop.alertmanager}/api/v2/alerts", timeout=10, verify=NO_CERTIFICATES)
        return [alert["labels"]["alertname"] for alert in answer.raise_for_status().json()]

    wait_until(lambda: "Watchdog" in firing(), "the Watchdog is in Alertmanager")
    assert "ServiceDown" not in firing()


def test_every_rule_is_evaluated_without_an_error(shop: Shop) -> None:
    groups = shop.prometheus.get("/api/v1/rules").raise_for_status().json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) > 80
    assert [rule["name"] for rule in rules if rule.get("lastError")] == []
