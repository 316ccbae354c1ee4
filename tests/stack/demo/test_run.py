"""Learners against the real platform over HTTP, with a real database and cache."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from stack.demo.catalogue import courses
from stack.demo.plan import Action, plan
from stack.demo.run import Run
from stack.demo.tally import Outcome
from tests.programs import wait_until
from tests.stack.demo.running_platform import ADMIN, Platform, demo


def test_the_catalogue_is_created_once(platform: Platform) -> None:
    assert platform.first == "Demo catalogue: 8 courses created, 0 already there.\n"
    assert platform.second == "Demo catalogue: 0 courses created, 8 already there.\n"
    items = httpx.get(f"{platform.url}/api/v1/courses").json()["items"]
    assert {item["id"] for item in items} == {course.slug for course in courses()}


def test_a_wrong_admin_password_is_a_clear_error(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ADMIN, "LMS_ADMIN_PASSWORD", "not the admin's")
    done = demo(platform.url, "catalogue")
    assert done.returncode == 1
    assert done.stderr.startswith("The platform refuses admin@lms.example: LMS_ADMIN_PASSWORD is used")


async def test_the_tally_matches_the_platforms_data(platform: Platform) -> None:
    before = {name: platform.count(name) for name in ("users", "submissions", "certificates")}
    run = Run(plan(seed=7, seconds=4, rate=30), 600)  # to the end of the plan, however busy the machine
    async with httpx.AsyncClient(base_url=platform.url, timeout=10) as client:
        await run.study(client, lambda _: None)
    tally = run.tally
    assert tally.examples() == []
    assert tally.requests > 80
    assert tally.count(Action.BAD_LOGIN, Outcome.REFUSED) > 0
    assert tally.count(Action.MISSING, Outcome.REFUSED) > 0
    assert tally.count(Action.CERTIFICATE, Outcome.DONE) > 0
    made = {name: platform.count(name) - count for name, count in before.items()}
    assert made["users"] == tally.count(Action.REGISTER, Outcome.DONE)
    assert made["submissions"] == tally.count(Action.SUBMIT, Outcome.DONE)
    assert made["certificates"] >= tally.count(Action.CERTIFICATE, Outcome.DONE)


def test_the_command_runs_for_the_given_time_and_prints_a_summary(platform: Platform) -> None:
    done = demo(platform.url, "learners", "--seconds=6", "--rate=10", "--seed=11")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^5 of 6 s: \d+ requests$", done.stdout, re.MULTILINE)
    assert re.search(r"^browse the catalogue +\d+ +\d+ +0 +0 +0 +\d+ +\d+ *$", done.stdout, re.MULTILINE)


def test_ctrl_c_stops_the_run_at_once_and_prints_the_summary(platform: Platform, tmp_path: Path) -> None:
    log, before = tmp_path / "learners.log", platform.count("users")
    command = [
        sys.executable,
        "-m",
        "stack.demo",
        "learners",
        "--seconds=600",
        "--rate=10",
        "--url",
        platform.url,
    ]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        wait_until(lambda: platform.count("users") > before, "learners study")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
    finally:
        process.kill()
        process.wait()
    assert "What the learners did" in log.read_text()
    assert "Traceback" not in log.read_text()
