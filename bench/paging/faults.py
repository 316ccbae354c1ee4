"""What breaks: each fault on the running stack, and how a learner would notice that it has begun."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import httpx
import psutil

from stack.native.native_stack import NativeStack


def _stop_app(stack: NativeStack) -> None:
    stack.supervisor.stop_part("app")


def _freeze_app(stack: NativeStack) -> None:
    main = psutil.Process(stack.supervisor.states()["app"].pid)
    for process in [main, *main.children(recursive=True)]:
        process.send_signal(signal.SIGSTOP)


def _stop_database(stack: NativeStack) -> None:
    stack.supervisor.stop_part("ferretdb")


def _restart_app(stack: NativeStack) -> None:
    stack.supervisor.stop_part("app")
    stack.supervisor.start_part("app")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; one that ``pages`` must be paged within the aim, another one must not page at all."""

    name: str
    what: str
    begin: Callable[[NativeStack], None]
    pages: bool = True


FAULTS: Final = (
    Fault("stop", "the platform is stopped", _stop_app),
    Fault("freeze", "the platform is frozen", _freeze_app),
    Fault("database", "the database is stopped", _stop_database),
    Fault("restart", "the platform is restarted", _restart_app, pages=False),
)


def serves(stack: NativeStack) -> bool:
    """Returns whether a learner who signs in with a wrong password is told so: platform and database work."""
    body = {"email": "nobody@example.org", "password": "a wrong password"}
    try:
        answer = httpx.post(f"{stack.url('app')}/api/v1/auth/login", json=body, timeout=10)
    except httpx.HTTPError:
        return False
    return answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR
