"""A running stack with something to see: learners have studied, and every rule was evaluated."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx
import yaml

from stack.alerting.thresholds import Thresholds
from stack.native.native_stack import NativeStack
from stack.native.probes import NO_CERTIFICATES
from stack.settings import REPOSITORY
from tests.programs import wait_until

SECONDS: Final = 25
RATE: Final = 12  # requests per second
# What is recorded last: of a group that is evaluated now and then, or out of what others record.
LATE: Final = ("slo:error_budget_left:days", "anomaly:value:1h", "service:scale_pressure:ratio")


def study(stack: NativeStack) -> None:
    """Loads the catalogue and lets learners study, as `make demo` does."""
    password = stack.environment.app.admin_password.get_secret_value()
    environment = {**os.environ, "LMS_ADMIN_PASSWORD": password}
    demo = [sys.executable, "-m", "stack.demo"]
    where = ["--url", stack.url("app")]
    learners = ["learners", *where, "--seconds", str(SECONDS), "--rate", str(RATE)]
    for arguments in (["catalogue", *where], learners):
        done = subprocess.run(
            [*demo, *arguments], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def log_in_slowly(stack: NativeStack) -> str:
    """Sends a request whose body comes so slowly that the boards call it slow; returns its request id.

    Not while `hastened`: counts of five minutes, taken every few seconds, would make ten failures of it.
    """
    app, slow = stack.environment.app, float(Thresholds.load()["api_p95"].number)
    admin = {"email": app.admin_email, "password": app.admin_password.get_secret_value()}

    def body() -> Iterator[bytes]:
        started = time.monotonic()
        yield b" "
        wait_until(lambda: time.monotonic() - started > slow, "it counts as slow")
        yield json.dumps(admin).encode()

    request_id = f"slow-{secrets.token_hex(8)}"
    headers = {"Content-Type": "application/json", "X-Request-ID": request_id}
    address = f"{stack.url('app')}/api/v1/auth/login"
    answer = httpx.post(address, content=body(), headers=headers, timeout=60, verify=NO_CERTIFICATES)
    assert answer.is_success, answer.text
    return request_id


@contextmanager
def hastened(stack: NativeStack) -> Iterator[None]:
    """Lets Prometheus evaluate all rules every few seconds while the block runs."""
    folder = stack.folder / "etc" / "prometheus" / "rules"
    before = {path: path.read_text() for path in folder.glob("*.yml")}
    for path, text in before.items():
        content = yaml.safe_load(text)
        for group in content["groups"]:
            group["interval"] = "2s"
        path.write_text(yaml.safe_dump(content))
    _reload(stack)
    try:
        yield
    finally:
        for path, text in before.items():
            path.write_text(text)
        _reload(stack)


def _reload(stack: NativeStack) -> None:
    os.kill(stack.supervisor.states()["prometheus"].pid, signal.SIGHUP)
