"""A running Alertmanager with the repository's routes and messages, and shorter waits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx

from stack.alerting import Channels, Platform, write
from stack.alerting.thresholds import Threshold, Thresholds
from stack.native.tools import tool_path
from tests.alertmanager import rendered
from tests.programs import Program, free_port, wait_until

QUICK: Final = {
    **{f"{kind}_group_wait": "500ms" for kind in ("page", "warning")},
    **{f"{kind}_group_interval": "1s" for kind in ("page", "warning", "escalation")},
}
LONG_AGO: Final = datetime(2026, 1, 5, 9, tzinfo=UTC)

Labels = Mapping[str, str]


def shortened(waits: Mapping[str, str]) -> Thresholds:
    """Returns the thresholds with other durations."""
    known = Thresholds.load()
    other = {name: Threshold(value, "duration", "for a test") for name, value in waits.items()}
    assert other.keys() <= known.keys()
    return Thresholds({**known, **other})


def labels_of(name: str) -> dict[str, str]:
    """Returns the labels that an alert always has."""
    return {"alertname": name, **rendered.alerts()[name]["labels"]}


class Routed:
    """An Alertmanager that can be restarted on its data."""

    def __init__(self, folder: Path, arguments: Sequence[str] = ("--cluster.listen-address=",)) -> None:
        self._folder = folder
        self._arguments = arguments
        self.port = free_port()
        self._program: Program | None = None
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}")

    def start(self) -> None:
        """Starts it and waits until it is ready."""
        command = [
            str(tool_path("alertmanager")),
            f"--config.file={self._folder / 'alertmanager.yml'}",
            f"--storage.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            *self._arguments,
        ]
        self._program = Program(command, self._folder / "alertmanager.log")
        self._program.ready(self._ready)

    def stop(self) -> None:
        """Stops it as a supervisor would."""
        if self._program:
            self._program.stop()

    def _ready(self) -> bool:
        try:
            return self.client.get("/-/ready").is_success
        except httpx.TransportError:
            return False

    def send(
        self,
        *alerts: Labels,
        notes: Mapping[str, str] | None = None,
        since: datetime | None = None,
        ended: bool = False,
    ) -> None:
        """Posts alerts as Prometheus does."""
        now = datetime.now(UTC)
        body = [
            {
                "labels": dict(each),
                "annotations": dict(
                    notes or rendered.alerts().get(each["alertname"], {}).get("annotations", {})
                ),
                "startsAt": (since or now).isoformat(),
                "endsAt": (now if ended else now + timedelta(minutes=4)).isoformat(),
                "generatorURL": "http://127.0.0.1:9090/graph",
            }
            for each in alerts
        ]
        self.client.post("/api/v2/alerts", json=body).raise_for_status()

    def states(self) -> dict[str, dict[str, Any]]:
        """Returns what it knows of each alert, by its labels as JSON."""
        found: list[dict[str, Any]] = self.client.get("/api/v2/alerts").json()
        return {json.dumps(each["labels"], sort_keys=True): each for each in found}

    def inhibitors(self, labels: Labels) -> list[str]:
        """Returns the fingerprints of the alerts that inhibit the one with these labels."""
        by: list[str] = self.states()[json.dumps(labels, sort_keys=True)]["status"]["inhibitedBy"]
        return by

    def acknowledge(self, labels: Labels) -> str:
        """Silences an alert by all its labels, as the platform's API does; returns the silence's id."""
        now = datetime.now(UTC)
        body = {
            "matchers": [
                {"name": n, "value": v, "isRegex": False, "isEqual": True} for n, v in labels.items()
            ],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(hours=2)).isoformat(),
            "createdBy": "usr_1",
            "comment": "I am on it.",
        }
        answer = self.client.post("/api/v2/silences", json=body).raise_for_status()
        return str(answer.json()["silenceID"])

    def expire(self, silence: str) -> None:
        """Ends a silence."""
        self.client.delete(f"/api/v2/silence/{silence}").raise_for_status()

    def known(self, labels: Labels) -> None:
        """Waits until it knows the alert."""
        key = json.dumps(labels, sort_keys=True)
        wait_until(lambda: key in self.states(), lambda: f"{key} is in {list(self.states())}")


@contextmanager
def routed(
    folder: Path,
    channels: Channels,
    waits: Mapping[str, str] | None = None,
    platform: Platform | None = None,
    *arguments: str,
) -> Iterator[Routed]:
    """Runs Alertmanager with these channels while the block runs; its waits are a second or less."""
    write(folder, channels, platform=platform, thresholds=shortened({**QUICK, **(waits or {})}))
    found = Routed(folder, ["--cluster.listen-address=", *arguments])
    found.start()
    try:
        yield found
    finally:
        found.stop()
        found.client.close()
