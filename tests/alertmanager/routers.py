"""Alertmanagers under test: real processes with the repository's configuration, alone or as a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from stack.native.tools import tool_path
from tests.programs import Program, free_port, wait_until

PAGE: Final = {"alertname": "LmsDown", "severity": "page", "service_name": "lms", "owner": "platform"}
ANNOTATIONS: Final = {
    "summary": "The learning platform does not answer",
    "description": "No instance of the platform has answered a scrape.",
    "impact": "Learners can neither log in nor open a lesson.",
    "runbook_url": "https://lms.example/runbooks/LmsDown.md",
    "dashboard_url": "https://grafana.example/d/lms-overview",
    "logs_url": "https://grafana.example/explore?left=logs",
    "traces_url": "https://grafana.example/explore?left=traces",
}


@dataclass(frozen=True)
class Alert:
    """An alert as Prometheus would send it: the same start each time."""

    labels: Mapping[str, str]
    started: datetime

    @classmethod
    def now(cls, **labels: str) -> Alert:
        """Returns an alert that starts now: a page about the platform, with these labels changed."""
        return cls({**PAGE, **labels}, datetime.now(UTC))

    def body(self, ended: datetime | None = None) -> list[dict[str, Any]]:
        """Returns the body for Alertmanager's API; with an end if the alert is resolved."""
        alert = {"labels": self.labels, "annotations": ANNOTATIONS, "startsAt": self.started.isoformat()}
        return [{**alert, "endsAt": ended.isoformat()} if ended else alert]


class Router:
    """One Alertmanager on a port of its own; it can be stopped, killed and started again on its data.

    Args:
        folder: its data and its output.
        configuration: the file that it reads.
        cluster: the addresses of the others, its own first; empty for one that is alone.
    """

    def __init__(self, folder: Path, configuration: Path, cluster: Sequence[str] = ()) -> None:
        self._folder = folder
        self._port = free_port()
        self._configuration = configuration
        self._cluster = cluster
        self.url = f"http://127.0.0.1:{self._port}"
        self._program: Program | None = None

    def start(self) -> None:
        """Starts it and returns when it takes alerts."""
        self._folder.mkdir(exist_ok=True)
        command: list[str | Path] = [
            tool_path("alertmanager"),
            f"--config.file={self._configuration}",
            f"--storage.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
            *self._membership(),
        ]
        self._program = Program(command, self._folder / "alertmanager.log")
        self._program.ready(self._ready)

    def _membership(self) -> Iterator[str]:
        """Yields the flags of a member; all intervals are shorter than in production, none is left out."""
        if not self._cluster:
            yield "--cluster.listen-address="
            return
        own, *others = self._cluster
        yield from (f"--cluster.listen-address={own}", f"--cluster.advertise-address={own}")
        yield from (f"--cluster.peer={each}" for each in others)
        yield from ("--cluster.peer-timeout=1s", "--cluster.gossip-interval=50ms")
        yield from ("--cluster.pushpull-interval=1s", "--cluster.settle-timeout=5s")

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/-/ready", timeout=2).is_success
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        """Stops it in good order; what it knows is on disk."""
        if self._program is not None:
            self._program.stop()
            self._program = None

    def kill(self) -> None:
        """Kills it, like a power cut."""
        assert self._program is not None
        self._program.kill()
        self._program = None

    @property
    def alive(self) -> bool:
        """Whether it was started, and neither stopped nor killed."""
        return self._program is not None

    def send(self, alert: Alert, ended: datetime | None = None) -> None:
        """Sends an alert as Prometheus does, or its end."""
        httpx.post(f"{self.url}/api/v2/alerts", json=alert.body(ended)).raise_for_status()

    def groups(self) -> list[Any]:
        """Returns the groups of alerts that it still works on."""
        found: list[Any] = httpx.get(f"{self.url}/api/v2/alerts/groups").raise_for_status().json()
        return found

    def peers(self) -> int:
        """Returns how many members it sees, itself among them."""
        status = httpx.get(f"{self.url}/api/v2/status").raise_for_status().json()
        return len(status["cluster"].get("peers", []))

    def settled(self) -> bool:
        """Returns whether it waits no more for members to appear before it notifies."""
        status = httpx.get(f"{self.url}/api/v2/status").raise_for_status().json()
        return bool(status["cluster"]["status"] == "ready")

    def notified(self, channels: int) -> bool:
        """Returns whether it knows, itself or from another member, of so many channels that were notified."""
        learned = self.total("alertmanager_nflog_gossip_messages_propagated_total")
        return learned + self.total("alertmanager_notifications_total") >= channels

    def silence(self, alert: Alert, minutes: float = 60) -> str:
        """Silences exactly this alert, as the platform's acknowledgement does; returns the silence's id."""
        now = datetime.now(UTC)
        matchers = [{"name": name, "value": value, "isRegex": False} for name, value in alert.labels.items()]
        body = {
            "matchers": matchers,
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(minutes=minutes)).isoformat(),
            "createdBy": "ada@lms.example",
            "comment": "I am at it",
        }
        answer = httpx.post(f"{self.url}/api/v2/silences", json=body).raise_for_status()
        return str(answer.json()["silenceID"])

    def silences(self) -> int:
        """Returns how many silences are in force."""
        return int(self.total("alertmanager_silences", state="active"))

    def total(self, name: str, **labels: str) -> float:
        """Returns the sum of a metric's series that have these labels."""
        text = httpx.get(f"{self.url}/metrics").raise_for_status().text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def wait_for(self, name: str, least: float, seconds: float = 60.0, **labels: str) -> None:
        """Waits until a metric is at least this high.

        Raises:
            TimeoutError: it is not in time.
        """
        wait_until(
            lambda: self.total(name, **labels) >= least,
            lambda: f"{name} {labels} is {least:g}, not {self.total(name, **labels):g}",
            seconds,
        )


@contextmanager
def running(*routers: Router) -> Iterator[None]:
    """Runs Alertmanagers within the block."""
    try:
        for each in routers:
            each.start()
        yield
    finally:
        for each in routers:
            each.stop()


def pair(folder: Path, configuration: Path) -> tuple[Router, Router]:
    """Returns two Alertmanagers that form a cluster when they are started."""
    one, other = (f"127.0.0.1:{free_port()}" for _ in range(2))
    return (
        Router(folder / "one", configuration, (one, other)),
        Router(folder / "other", configuration, (other, one)),
    )
