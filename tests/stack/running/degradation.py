"""What still works while a part of the stack is stopped, as one row of docs/degradation.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from stack.native.native_stack import NativeStack
from tests.programs import wait_until
from tests.stack.running.learner import Platform

PAGE: Final = Path(__file__).parents[3] / "docs" / "degradation.md"
MONITORING: Final = ("alerts", "silences", "logs", "metrics/json", "performance", "system-status", "audit")
NONE: Final = "none"


@dataclass(frozen=True)
class Row:
    """What users and operators get without one part."""

    without: str
    ready: str
    health: str
    sign_in: str
    catalogue: str
    enrol: str
    limits: str
    partial: str

    def __str__(self) -> str:
        return f"| {' | '.join(astuple(self))} |"


def documented() -> dict[str, Row]:
    """Returns the rows of the page, by part."""
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): Row(*row) for row in rows}


class Observer:
    """Asks the platform what a student, a balancer and an admin would ask."""

    def __init__(self, stack: NativeStack, platform: Platform) -> None:
        self._account = stack.environment.app
        self._platform = platform
        self._admin = platform.admin()
        self._course = platform.course("What still works", self._admin)
        self._student = platform.student()
        self._root = str(self._admin.client.base_url).removesuffix("/api/v1/")

    def component(self, name: str) -> Mapping[str, Any]:
        """Returns what health says about one check; empty while it has not run."""
        found: dict[str, Any] = self._monitoring("health").json()
        component: Mapping[str, Any] = found["components"].get(name, {})
        return component

    def wait_for(self, name: str, *statuses: str) -> None:
        """Waits until a check has one of these statuses."""
        wait_until(lambda: self.component(name).get("status") in statuses, f"{name} is {statuses}", 120)

    def browse(self) -> int:
        """Reads the catalogue, as students do all the time; returns the status."""
        return self._platform.anonymous().get("/courses").status_code

    def row(self, part: str, check: str) -> Row:
        """Observes while ``part``, which ``check`` is about, is stopped."""
        component = self.component(check)
        assert component["recommendation"], component
        assert component["lastError"], component
        return Row(
            without=f"`{part}`",
            ready=str(self._get("/readyz").status_code),
            health=f"{component['status']} (`{check}`)",
            sign_in=str(self._sign_in().status_code),
            catalogue=str(self.browse()),
            enrol=str(self._enrol().status_code),
            limits=self._monitoring("limits").json()["limiter"]["backend"],
            partial=", ".join(self._partial()) or NONE,
        )

    def _get(self, path: str) -> httpx.Response:
        return self._platform.anonymous().get(f"{self._root}{path}")

    def _monitoring(self, name: str) -> httpx.Response:
        return self._admin.client.get(f"/monitoring/{name}")

    def _sign_in(self) -> httpx.Response:
        password = self._account.admin_password.get_secret_value()
        account = {"email": self._account.admin_email, "password": password}
        return self._platform.anonymous().post("/auth/login", json=account)

    def _enrol(self) -> httpx.Response:
        answer = self._student.post(f"/courses/{self._course}/enrollments")
        self._student.client.delete(f"/courses/{self._course}/enrollments/me")
        return answer

    def _partial(self) -> Iterator[str]:
        for name in MONITORING:
            answer = self._monitoring(name)
            if answer.status_code != httpx.codes.OK:
                yield f"`{name}` {answer.status_code}"
            elif answer.json().get("partial"):
                yield f"`{name}`"
