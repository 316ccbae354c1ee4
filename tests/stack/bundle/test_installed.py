"""A bundle, installed where there is nothing else: no panel is blank, and its alerts arrive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import httpx
import pytest

from stack.native.probes import NO_CERTIFICATES
from tests.programs import wait_until
from tests.stack.bundle.shop import Shop, opened

pytestmark = pytest.mark.stack
_LAST_WEEK: Final = "last week there was no such service; the line of now is there"
_NO_MONGODB: Final = "this service has no MongoDB; Redis' panels beside it ask the same of the same metrics"
# What this installation cannot have, by board, panel and letter of the query, with the reason.
BLANK: Final = {
    ("shop-api", "Requests per second, against last week", "B"): _LAST_WEEK,
    ("shop-api", "Requests that fail, against last week", "B"): _LAST_WEEK,
    ("shop-api", "Duration, p95, against last week", "B"): _LAST_WEEK,
    ("shop-overview", "Requests per second, against last week", "B"): _LAST_WEEK,
    ("shop-stores", "MongoDB: failed operations", "A"): _NO_MONGODB,
    ("shop-stores", "MongoDB: p95 of all operations", "A"): _NO_MONGODB,
    ("shop-stores", "MongoDB operations per second", "A"): _NO_MONGODB,
    ("shop-stores", "MongoDB p95", "A"): _NO_MONGODB,
    ("shop-stores", "MongoDB failures per second", "A"): _NO_MONGODB,
}


@pytest.fixture(name="shop", scope="module")
def _shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with opened(tmp_path_factory.mktemp("installed")) as shop:
        yield shop


def test_no_panel_is_blank(shop: Shop) -> None:
    def unexplained() -> list[tuple[str, str, str]]:
        shop.visit()
        return [each for each in shop.blank() if each not in BLANK]

    wait_until(lambda: not unexplained(), lambda: f"every panel shows something, not so: {unexplained()}")


def test_no_reason_is_given_for_a_panel_that_shows_something(shop: Shop) -> None:
    assert set(BLANK) <= set(shop.blank())


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
