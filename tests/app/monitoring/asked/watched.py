"""A real Prometheus with a rule that the test drives, and a real Alertmanager that posts to the platform."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
import yaml

from stack.native.probes import NO_CERTIFICATES
from stack.native.tools import tool_path
from tests.app.served import ALERTS_TOKEN
from tests.programs import Program, free_port, wait_until

_RULE: Final = {
    "alert": "Watched",
    "for": "2s",
    "labels": {"severity": "page", "service_name": "lms", "owner": "platform"},
    "annotations": {"summary": "Something is watched"},
}
_ALWAYS: Final = {"alert": "Always", "expr": "vector(1)", "labels": {"severity": "none"}}


class Watch:
    """The two programs; `fire` and `end` change the rule's condition."""

    def __init__(self, folder: Path, webhook: str, **routes: str) -> None:
        self._folder = folder
        self._prometheus_port, self._alertmanager_port = free_port(), free_port()
        self.prometheus_url = f"http://127.0.0.1:{self._prometheus_port}"
        self.alertmanager_url = f"http://127.0.0.1:{self._alertmanager_port}"
        self._write_alertmanager(webhook, routes)
        self._write_prometheus()
        self._write_rule(fires=False)
        self.alertmanager = self.start_alertmanager()
        self.prometheus = self._start_prometheus()

    def _write_alertmanager(self, webhook: str, routes: dict[str, str]) -> None:
        hook = {
            "url": webhook,
            "send_resolved": True,
            "http_config": {"authorization": {"credentials": ALERTS_TOKEN}},
        }
        waits = {"group_wait": "100ms", "group_interval": "1s", "repeat_interval": "2s", **routes}
        configuration = {
            "route": {"receiver": "nobody", "routes": [_route("on-call", waits)]},
            "receivers": [{"name": "nobody"}, {"name": "on-call", "webhook_configs": [hook]}],
        }
        (self._folder / "alertmanager.yml").write_text(yaml.safe_dump(configuration))

    def _write_prometheus(self) -> None:
        targets = [{"static_configs": [{"targets": [f"127.0.0.1:{self._alertmanager_port}"]}]}]
        configuration = {
            "global": {"evaluation_interval": "1s", "scrape_interval": "1s", "scrape_timeout": "1s"},
            "rule_files": ["rules.yml"],
            "alerting": {"alertmanagers": targets},
        }
        (self._folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))

    def _write_rule(self, *, fires: bool) -> None:
        rule = {**_RULE, "expr": f"vector(1) > {0 if fires else 2}"}
        groups = {"groups": [{"name": "watched", "rules": [rule, _ALWAYS]}]}
        (self._folder / "rules.yml").write_text(yaml.safe_dump(groups))

    def start_alertmanager(self) -> Program:
        """Starts Alertmanager, on the data of the one before."""
        command: list[str | Path] = [
            tool_path("alertmanager"),
            f"--config.file={self._folder / 'alertmanager.yml'}",
            f"--storage.path={self._folder / 'alerts'}",
            f"--web.listen-address=127.0.0.1:{self._alertmanager_port}",
            "--cluster.listen-address=",
        ]
        program = Program(command, self._folder / "alertmanager.log")
        program.ready(lambda: _answers(f"{self.alertmanager_url}/-/ready"))
        return program

    def _start_prometheus(self) -> Program:
        command: list[str | Path] = [
            tool_path("prometheus"),
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._prometheus_port}",
            "--web.enable-lifecycle",
            "--rules.alert.resend-delay=1s",
        ]
        program = Program(command, self._folder / "prometheus.log")
        program.ready(lambda: _answers(f"{self.prometheus_url}/-/ready"))
        return program

    def fire(self) -> None:
        """Makes the rule's condition true, and waits until Alertmanager has the alert."""
        self._change(fires=True)
        wait_until(lambda: bool(self.firing()), "the alert is in Alertmanager")

    def end(self) -> None:
        """Makes it false, and waits until Alertmanager has it no more."""
        self._change(fires=False)
        wait_until(lambda: not self.firing(), "the alert has left Alertmanager")

    def _change(self, *, fires: bool) -> None:
        self._write_rule(fires=fires)
        with httpx.Client(verify=NO_CERTIFICATES, timeout=20) as client:
            client.post(f"{self.prometheus_url}/-/reload").raise_for_status()

    def firing(self) -> list[dict[str, Any]]:
        """Returns the watched alert as Alertmanager has it, if it fires."""
        found: list[dict[str, Any]] = _get(f"{self.alertmanager_url}/api/v2/alerts?filter=alertname=Watched")
        return found

    def samples(self, state: str) -> list[float]:
        """Returns the times of the rule's evaluations in which the alert had this state."""
        asked = f"ALERTS{{alertname='Watched',alertstate='{state}'}}[1h]"
        result = _get(f"{self.prometheus_url}/api/v1/query?query={quote(asked)}")["data"]["result"]
        return [moment for series in result for moment, _ in series["values"]]

    def fired_and_ended(self) -> dict[str, Any]:
        """Lets the alert fire and end; returns it as Alertmanager had it."""
        self.fire()
        [alert] = self.firing()
        self.end()
        return alert

    def stop(self) -> None:
        """Stops both."""
        self.prometheus.stop()
        self.alertmanager.stop()


def _route(receiver: str, waits: dict[str, str]) -> dict[str, Any]:
    return {"receiver": receiver, "matchers": ['alertname="Watched"'], "group_by": ["alertname"], **waits}


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, verify=NO_CERTIFICATES, timeout=2).is_success
    except httpx.TransportError:
        return False


def _get(url: str) -> Any:  # noqa: ANN401 - JSON
    return httpx.get(url, verify=NO_CERTIFICATES, timeout=20).raise_for_status().json()


@contextmanager
def watching(folder: Path, webhook: str) -> Iterator[Watch]:
    """Runs both programs until the block ends."""
    watch = Watch(folder, webhook)
    try:
        yield watch
    finally:
        watch.stop()
