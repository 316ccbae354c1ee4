"""Who is notified of an alert: by amtool and a running Alertmanager."""

from __future__ import annotations

import json
import queue
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from pydantic import SecretStr

from stack.alerting import AlertingError, Channels, write
from stack.alerting.channels import SOURCE, render
from stack.alerting.thresholds import Thresholds
from stack.native.tools import tool_path
from tests.alertmanager import rendered
from tests.alertmanager.rendered import run
from tests.programs import free_port, running, wait_until

SECONDS = 20.0

NONE = Channels()
SLACK = Channels(slack_webhook_url=SecretStr("http://127.0.0.1:9/services/planted"))
MAIL = Channels(mail_to="on-call@lms.example", mail_smarthost="127.0.0.1:1025", mail_tls=False)
ALL = Channels(
    slack_webhook_url=SLACK.slack_webhook_url,
    watchdog_url=SecretStr("http://127.0.0.1:9/beat/planted"),
    mail_to=MAIL.mail_to,
    mail_smarthost=MAIL.mail_smarthost,
)


@pytest.mark.parametrize("channels", [NONE, SLACK, MAIL, ALL], ids=["none", "slack", "mail", "all"])
def test_amtool_accepts_what_is_rendered(tmp_path: Path, channels: Channels) -> None:
    write(tmp_path, channels)
    done = run("amtool", "check-config", tmp_path / "alertmanager.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        (NONE, {"on-call": set(), "watchdog": set()}),
        (SLACK, {"on-call": {"slack_configs"}, "watchdog": set()}),
        (MAIL, {"on-call": {"email_configs"}, "watchdog": set()}),
        (ALL, {"on-call": {"slack_configs", "email_configs"}, "watchdog": {"webhook_configs"}}),
    ],
    ids=["none", "slack", "mail", "all"],
)
def test_a_channel_that_is_not_set_is_left_out(channels: Channels, expected: dict[str, set[str]]) -> None:
    receivers = yaml.safe_load(render(SOURCE.read_text(), channels, SOURCE.parent, Thresholds.load()))[
        "receivers"
    ]
    assert {receiver["name"]: set(receiver) - {"name"} for receiver in receivers} == expected


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (["alertname=LmsDown", "severity=page", "service_name=lms"], "on-call"),
        (["alertname=Anything"], "on-call"),
        (["alertname=Watchdog", "severity=none"], "watchdog"),
    ],
)
def test_an_alert_reaches_its_receiver(tmp_path: Path, labels: list[str], receiver: str) -> None:
    write(tmp_path, ALL)
    file = f"--config.file={tmp_path / 'alertmanager.yml'}"
    done = run("amtool", "config", "routes", "test", file, f"--verify.receivers={receiver}", *labels)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_placeholder_that_nothing_defines_is_named() -> None:
    source = SOURCE.read_text().replace("${ALERT_MAIL_TO}", "${ALERT_MAIL_FOR}")
    with pytest.raises(AlertingError, match=r"\$\{ALERT_MAIL_FOR\}.*\$\{ALERT_MAIL_TO\}"):
        render(source, ALL, SOURCE.parent, Thresholds.load())


def test_secrets_are_files_that_only_their_owner_reads_and_go_when_unset(tmp_path: Path) -> None:
    write(tmp_path, ALL)
    assert "planted" not in (tmp_path / "alertmanager.yml").read_text()
    assert {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()} == {
        "slack_webhook_url": 0o600,
        "watchdog_url": 0o600,
    }
    write(tmp_path, NONE)
    assert list((tmp_path / "secrets").iterdir()) == []


class Slack(ThreadingHTTPServer):
    """Slack's webhook as documented: JSON by POST, answered `ok`. Keeps what it receives."""

    def __init__(self) -> None:
        self.posts: queue.Queue[dict[str, Any]] = queue.Queue()
        super().__init__(("127.0.0.1", 0), _SlackHandler)


class _SlackHandler(BaseHTTPRequestHandler):
    server: Slack

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        valid = self.headers["Content-Type"] == "application/json" and self.path == "/services/planted"
        if valid:
            self.server.posts.put(json.loads(body))
        self.send_response(200 if valid else 400)
        self.end_headers()
        self.wfile.write(b"ok" if valid else b"invalid_payload")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Logs nothing: the test checks what was posted."""


@pytest.fixture(name="slack")
def _slack() -> Iterator[Slack]:
    with Slack() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(name="alertmanager")
def _alertmanager(tmp_path: Path, slack: Slack) -> Iterator[httpx.Client]:
    """A running Alertmanager with the repository's configuration, except for shorter waits."""
    write(
        tmp_path,
        Channels(slack_webhook_url=SecretStr(f"http://127.0.0.1:{slack.server_port}/services/planted")),
    )
    file = tmp_path / "alertmanager.yml"
    configuration = yaml.safe_load(file.read_text())
    configuration["route"] |= {"group_wait": "500ms", "group_interval": "1s"}
    file.write_text(yaml.safe_dump(configuration))
    port = free_port()
    command = [
        str(tool_path("alertmanager")),
        f"--config.file={file}",
        f"--storage.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with (
        running(command, f"http://127.0.0.1:{port}/-/ready"),
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        yield client


def _send(alertmanager: httpx.Client, *names: str, ended: bool = False) -> None:
    now = datetime.now(UTC).isoformat()
    alerts = [
        {
            "labels": {"alertname": name, **_labels(name)},
            "annotations": rendered.alerts().get(name, {}).get("annotations", {}),
            **({"endsAt": now} if ended else {}),
        }
        for name in names
    ]
    alertmanager.post("/api/v2/alerts", json=alerts).raise_for_status()


@pytest.mark.parametrize(
    ("source", "target", "hushed"),
    [
        ("LmsDown", {"alertname": "LmsSlow", "service_name": "lms"}, True),
        ("LmsDown", {"alertname": "CollectorDown", "service_name": "collector"}, False),
        ("CollectorDown", {"alertname": "TelemetryCanaryLost", "service_name": "telemetry-canary"}, True),
        ("CollectorDown", {"alertname": "LmsDown", "service_name": "lms"}, False),
        ("CollectorSinkUnreachable", {"alertname": "TelemetryCanaryLost"}, False),
        ("LokiDiscards", {"alertname": "LokiDiscards", "service_name": "loki", "severity": "warning"}, True),
        ("LokiDiscards", {"alertname": "LokiDiscards", "service_name": "l2", "severity": "warning"}, False),
        ("LokiDiscards", {"alertname": "HostDiskFilling", "severity": "warning"}, False),
    ],
)
def test_an_alert_inhibits_only_what_it_explains(
    alertmanager: httpx.Client, source: str, target: dict[str, str], *, hushed: bool
) -> None:
    control = [{"alertname": "Control", "severity": severity} for severity in ("page", "warning")]
    labels = [{"alertname": source, **_labels(source)}, {"severity": "page", **target}, *control]
    alertmanager.post("/api/v2/alerts", json=[{"labels": each} for each in labels]).raise_for_status()
    wait_until(lambda: bool(_inhibitors(alertmanager, control[1])), "the inhibitor has seen the alerts")
    assert bool(_inhibitors(alertmanager, labels[1])) == hushed


def _inhibitors(alertmanager: httpx.Client, labels: dict[str, str]) -> list[str]:
    """Returns the fingerprints of the alerts that inhibit the one with these labels."""
    states = {
        json.dumps(state["labels"], sort_keys=True): state
        for state in alertmanager.get("/api/v2/alerts").json()
    }
    by: list[str] = states[json.dumps(labels, sort_keys=True)]["status"]["inhibitedBy"]
    return by


def test_every_inhibition_has_a_name_and_concerns_alerts_that_exist() -> None:
    rules = yaml.safe_load(SOURCE.read_text())["inhibit_rules"]
    assert all(rule["name"] for rule in rules)
    text = " ".join(
        matcher for rule in rules for matcher in rule["source_matchers"] + rule["target_matchers"]
    )
    named = re.findall(r'alertname!?="(\w+)"', text)
    assert named
    assert set(named) <= set(rendered.alerts())


def _labels(name: str) -> dict[str, str]:
    return (
        dict(rendered.alerts()[name]["labels"])
        if name in rendered.alerts()
        else {"severity": "warning", "service_name": "lms"}
    )


def test_on_call_is_notified_of_the_cause_once_and_of_its_end(
    alertmanager: httpx.Client, slack: Slack
) -> None:
    _send(alertmanager, "LmsDown", "LmsSlow", "Watchdog")

    [post] = slack.posts.get(timeout=SECONDS)["attachments"]
    assert post["title"] == "[FIRING] LmsDown: The learning platform does not answer"
    assert "Runbook: http://127.0.0.1:9099/runbooks/LmsDown.md" in post["text"]

    states = {alert["labels"]["alertname"]: alert for alert in alertmanager.get("/api/v2/alerts").json()}
    assert states["LmsSlow"]["status"]["inhibitedBy"] == [states["LmsDown"]["fingerprint"]]
    assert [receiver["name"] for receiver in states["Watchdog"]["receivers"]] == ["watchdog"]

    _send(alertmanager, "LmsDown", "LmsSlow", ended=True)
    [post] = slack.posts.get(timeout=SECONDS)["attachments"]
    assert post["title"].startswith("[RESOLVED] LmsDown")
    assert slack.posts.empty()
