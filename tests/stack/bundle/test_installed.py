"""A bundle, installed where there is nothing else: no panel is blank, and its alerts arrive."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from stack.bundle.__main__ import main
from stack.native.probes import NO_CERTIFICATES
from stack.native.tools import tool_path
from tests.programs import wait_until
from tests.stack.bundle.pages import commands, pages
from tests.stack.bundle.shop import SERVICE, Shop, opened

pytestmark = pytest.mark.stack
# Every panel is asked again and again, which takes longer where other tests run.
PATIENCE: Final = 180.0
# What this installation cannot have, by the panel's title and the letter of its query, with the reason.
BLANK: Final = {
    r".*, against last week B": "last week there was no such service; the line of now is there",
    r"MongoDB\b.* A": "it has no MongoDB; Redis' panels beside these ask the same of the same metrics",
}

NOT_RUN: Final = {
    "prometheus": "it is what runs",
    "python3": "serves the folder: test_receiver.py",
    "export": "sets what this test sets to other addresses",
    "kubectl": "needs a cluster",
    "sudo": "needs to be root",
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


@pytest.fixture(name="receiver")
def _receiver(tmp_path: Path, shop: Shop) -> dict[str, str]:
    """The environment of somebody with the bundle, the tools and the addresses; curl fails at a refusal."""
    (tmp_path / ".curlrc").write_text("fail\nnoproxy = *\nmax-time = 20\n")
    tools = [str(tool_path(name).parent) for name in ("promtool", "amtool")]
    return {
        "PATH": ":".join([os.environ["PATH"], *tools]),
        "HOME": str(tmp_path),
        "TERM": "dumb",
        "PROMETHEUS": str(shop.prometheus.base_url).rstrip("/"),
        "ALERTMANAGER": shop.alertmanager,
        "SERVICE": f"{shop.url}/metrics",
        "MOUNTPOINT": str(shop.bundle),
    }


def test_every_command_works_as_pasted(tmp_path: Path, shop: Shop, receiver: dict[str, str]) -> None:
    def scraped() -> list[object]:
        return list(shop.prometheus.get("/api/v1/targets").json()["data"]["activeTargets"])

    wait_until(lambda: bool(scraped()), "Prometheus knows its targets")
    bundle = tmp_path / "bundle"
    assert main(["--service", SERVICE, "--out", str(bundle)]) == 0
    found = {text for _, text in commands(pages(bundle))}
    run = sorted(text for text in found if text.split()[0] not in NOT_RUN)
    assert len(run) > 12
    assert {text.split()[0] for text in found} >= set(NOT_RUN)
    for text in run:
        done = subprocess.run(
            ["/bin/sh", "-c", text], cwd=bundle, env=receiver, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{text}: {done.stdout}{done.stderr}"
    rules = "".join(path.read_text() for path in (bundle / "prometheus" / "rules").glob("*.yml"))
    assert "https://wiki.example/runbooks/ServiceDown.md" in rules
    assert "127.0.0.1" not in rules


def test_the_readmes_test_alert_reaches_people(shop: Shop, receiver: dict[str, str]) -> None:
    [sent] = [text for _, text in commands(pages(shop.bundle)) if "alert add" in text]
    subprocess.run(["/bin/sh", "-c", sent], env=receiver, check=True)
    alerts = httpx.get(f"{shop.alertmanager}/api/v2/alerts", timeout=10, verify=NO_CERTIFICATES).json()
    [test] = [each for each in alerts if each["labels"]["alertname"] == "Test"]
    assert test["status"] == {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []}
    assert "on-call" in {receiver["name"] for receiver in test["receivers"]}
