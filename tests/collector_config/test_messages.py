"""What on-call reads: Slack texts rendered by amtool, and a mail from a running Alertmanager."""

from __future__ import annotations

import email
import json
import queue
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from stack.alerting import Channels, write
from stack.alerting.channels import SOURCE
from stack.native.tools import tool_path
from tests.alertmanager import rendered
from tests.programs import free_port, running

SECONDS = 20.0
TWO = ("CollectorDataRejected", "LokiDiscards")


def _rendered(folder: Path, text: str, data: dict[str, Any]) -> str:
    (folder / "data.json").write_text(json.dumps(data))
    (folder / "none.tmpl").write_text("")
    command = [str(tool_path("amtool")), "template", "render", f"--template.glob={folder}/*.tmpl"]
    command += [f"--template.text={text}", f"--template.data={folder / 'data.json'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _data(status: str, *names: str) -> dict[str, Any]:
    alerts = [
        {
            "status": status,
            "labels": {"alertname": name, **rendered.alerts()[name]["labels"]},
            "annotations": rendered.alerts()[name]["annotations"],
            "startsAt": "2026-11-25T00:00:00Z",
        }
        for name in names
    ]
    common = alerts[0] if len(names) == 1 else {"labels": {"alertname": names[0]}, "annotations": {}}
    return {
        "status": status,
        "alerts": alerts,
        "commonLabels": common["labels"],
        "commonAnnotations": common["annotations"],
    }


@pytest.mark.parametrize("status", ["firing", "resolved"])
def test_slacks_title_says_state_alert_and_summary(tmp_path: Path, status: str) -> None:
    (slack,) = yaml.safe_load(SOURCE.read_text())["receivers"][0]["slack_configs"]
    title = _rendered(tmp_path, slack["title"], _data(status, "CollectorDown"))
    assert title == f"[{status.upper()}] CollectorDown: The Collector does not answer"


def test_slacks_text_has_each_alert_with_what_to_do(tmp_path: Path) -> None:
    (slack,) = yaml.safe_load(SOURCE.read_text())["receivers"][0]["slack_configs"]
    text = _rendered(tmp_path, slack["text"], _data("firing", *TWO))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    assert len(lines) == 4
    for name, (description, runbook) in zip(TWO, (lines[:2], lines[2:]), strict=True):
        assert description == rendered.alerts()[name]["annotations"]["description"]
        assert runbook == f"Runbook: http://127.0.0.1:9099/runbooks/{name}.md"


class Relay(socketserver.ThreadingTCPServer):
    """A mail relay as RFC 5321 describes it, without TLS and login. Keeps what it receives."""

    daemon_threads = True

    def __init__(self) -> None:
        self.mails: queue.Queue[tuple[list[str], Message]] = queue.Queue()
        super().__init__(("127.0.0.1", 0), _Conversation)


class _Conversation(socketserver.StreamRequestHandler):
    server: Relay

    def handle(self) -> None:
        self._say("220 relay")
        envelope: list[str] = []
        for line in self.rfile:
            verb = line[:4].upper().strip().decode()
            if verb in {"MAIL", "RCPT"}:
                envelope.append(line.decode().strip())
            if verb == "DATA":
                self._say("354 go on")
                self.server.mails.put((envelope, email.message_from_bytes(self._text())))
            self._say("221 bye" if verb == "QUIT" else "250 relay")
            if verb == "QUIT":
                return

    def _text(self) -> bytes:
        lines = iter(self.rfile.readline, b".\r\n")
        return b"".join(line.removeprefix(b".") if line.startswith(b"..") else line for line in lines)

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@pytest.fixture(name="relay")
def _relay() -> Iterator[Relay]:
    with Relay() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_mail_says_what_happened_and_what_to_do(tmp_path: Path, relay: Relay) -> None:
    host = f"127.0.0.1:{relay.server_address[1]}"
    write(tmp_path, Channels(mail_to="on-call@lms.example", mail_smarthost=host, mail_tls=False))
    file = tmp_path / "alertmanager.yml"
    configuration = yaml.safe_load(file.read_text())
    configuration["route"] |= {"group_wait": "500ms", "group_interval": "1s"}
    file.write_text(yaml.safe_dump(configuration))
    url = f"http://127.0.0.1:{free_port()}"
    command = [str(tool_path("alertmanager")), f"--config.file={file}", f"--storage.path={tmp_path / 'data'}"]
    command += [f"--web.listen-address={url.removeprefix('http://')}", "--cluster.listen-address="]
    alert = {
        "labels": {"alertname": "LokiDiscards", **rendered.alerts()["LokiDiscards"]["labels"]},
        "annotations": rendered.alerts()["LokiDiscards"]["annotations"],
    }
    with running(command, f"{url}/-/ready"):
        httpx.post(f"{url}/api/v2/alerts", json=[alert]).raise_for_status()
        envelope, mail = relay.mails.get(timeout=SECONDS)
    assert any("on-call@lms.example" in line for line in envelope)
    assert mail["Subject"].startswith("[FIRING:1] LokiDiscards")
    (part,) = [part for part in mail.walk() if part.get_content_type() == "text/html"]
    body = part.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert b"/runbooks/LokiDiscards.md" in body
    assert b"They are lost" in body
