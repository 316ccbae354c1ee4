"""Sends a labelled test alert through every channel that is set, and prints what each answered.

``python -m stack.alerting.send [NAME]``. Alertmanager says what a channel answered in its log only. So this
starts another one for some seconds, with the same integrations and templates, each in a receiver of its own,
and reads its log. The one that runs is not involved: silences, inhibitions and groups hold nothing back.
"""

from __future__ import annotations

import argparse
import difflib
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from stack.alerting.channels import Channels, Platform, write
from stack.alerting.errors import AlertingError
from stack.alerting.hints import hint
from stack.alerting.links import Links
from stack.alerting.rules import rules
from stack.alerting_links import links
from stack.environment import load
from stack.masking import Mask
from stack.native.ports import free_ports
from stack.native.tools import tool_path
from stack.settings import SettingsError

DEFAULT: Final = "AlertTest"
ANSWER_SECONDS: Final = 30.0
END_SECONDS: Final = 15.0
_POLL_SECONDS: Final = 0.1
_EXPRESSION: Final = re.compile(r"\{\{.*?\}\}")


@dataclass
class Answer:
    """What a channel answered: ``sent`` messages, and the last ``error``, if there was one."""

    channel: str
    ends: bool
    sent: int = 0
    error: str = ""
    over: bool = field(default=False, repr=False)

    @property
    def accepted(self) -> bool:
        """Whether it took the alert."""
        return self.sent > 0

    def sentence(self) -> str:
        """Returns the answer with a hint for a refusal."""
        if self.accepted:
            return "accepted, and its end too" if self.sent > 1 else "accepted"
        told = self.error or f"no answer within {ANSWER_SECONDS:g} s: timeout"
        return f"refused: {told}" + (f"\n    {advice}" if (advice := hint(told)) else "")


def example(name: str, environment: str, links: Links) -> dict[str, Any]:
    """Returns a test alert: one of the rules' with its labels and texts, or one of its own.

    Raises:
        AlertingError: no rule has this name; the message names the nearest.
    """
    files = rules(environment, links).values()
    known = {
        rule["alert"]: rule
        for text in files
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    own = {
        "labels": {"severity": "page", "service_name": "alerting", "owner": "platform"},
        "annotations": {
            "summary": "A test of the notification channels",
            "description": "Somebody ran `make alert-test`. There is nothing to do.",
            "impact": "Learners notice nothing.",
        },
    }
    if name != DEFAULT and name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        raise AlertingError(
            f"There is no alert {name}: {f'did you mean {near[0]}?' if near else 'leave NAME out.'}"
        )
    rule = known.get(name, own)
    labels = {key: _plain(value) for key, value in rule["labels"].items()}
    notes = {key: _plain(value) for key, value in rule["annotations"].items()}
    return {"labels": {**labels, "alertname": name, "test": "true"}, "annotations": notes}


def _plain(text: str) -> str:
    """Returns a rule's text without the expressions that only Prometheus can fill in."""
    return _EXPRESSION.sub("…", text)


def send(
    channels: Channels, platform: Platform | None, environment: str, alert: Mapping[str, Any]
) -> list[Answer]:
    """Sends the alert and its end through each channel, and returns their answers.

    Raises:
        AlertingError: the configuration is wrong, or Alertmanager does not start.
    """
    with tempfile.TemporaryDirectory(prefix="alert-test-") as name:
        folder = Path(name)
        write(folder, channels, platform=platform, environment=environment)
        answers = _separate(folder / "alertmanager.yml")
        if not answers:
            return []
        with _alertmanager(folder, channels) as url:
            now = datetime.now(UTC)
            firing = {**alert, "startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat()}
            httpx.post(f"{url}/api/v2/alerts", json=[firing]).raise_for_status()
            _wait(folder, answers, ANSWER_SECONDS, lambda each: each.accepted or each.over)
            ended = {**firing, "endsAt": datetime.now(UTC).isoformat()}
            httpx.post(f"{url}/api/v2/alerts", json=[ended]).raise_for_status()
            _wait(
                folder, answers, END_SECONDS, lambda each: not each.accepted or not each.ends or each.sent > 1
            )
        return list(answers.values())


def _separate(file: Path) -> dict[str, Answer]:
    """Gives each integration a receiver of its own, once, and returns an answer to fill in for each."""
    configuration = yaml.safe_load(file.read_text(encoding="utf-8"))
    found: dict[str, dict[str, Any]] = {}
    seen: set[str] = set()
    for receiver, kind, entry in _integrations(configuration):
        same = json.dumps([kind, entry], sort_keys=True)
        if same not in seen:
            seen.add(same)
            title = f"{receiver}: {_title(kind, entry)}"
            count = sum(each.startswith(title) for each in found)
            found[title if not count else f"{title} {count + 1}"] = {f"{kind}_configs": [entry]}
    routes = [{"receiver": name, "continue": True} for name in found]
    times = {"group_by": ["..."], "group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h"}
    alone = {
        "templates": configuration["templates"],
        "route": {"receiver": "nobody", **times, "routes": routes},
        "receivers": [{"name": "nobody"}, *({"name": name, **each} for name, each in found.items())],
    }
    file.write_text(yaml.safe_dump(alone, sort_keys=False, allow_unicode=True), encoding="utf-8")
    ends = {name: next(iter(each.values()))[0].get("send_resolved", True) for name, each in found.items()}
    return {name: Answer(name, ends[name]) for name in found}


def _integrations(configuration: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for receiver in configuration["receivers"]:
        for key in receiver:
            if key.endswith("_configs"):
                yield from ((receiver["name"], key.removesuffix("_configs"), each) for each in receiver[key])


def _title(kind: str, entry: Mapping[str, Any]) -> str:
    if "authorization" in entry.get("http_config", {}):
        return "platform"
    return {"email": f"mail to {entry.get('to')}"}.get(kind, kind)


@contextmanager
def _alertmanager(folder: Path, channels: Channels) -> Iterator[str]:
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    command = [
        str(tool_path("alertmanager")),
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--web.external-url={channels.alertmanager_url or url}",
        *("--web.route-prefix=/", "--cluster.listen-address=", "--log.format=json", "--log.level=debug"),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _until_ready(process, url, folder / "log")
        yield url
    finally:
        process.terminate()
        process.wait()


def _until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/-/ready").is_success:
                return
        except httpx.TransportError:
            time.sleep(_POLL_SECONDS)
    raise AlertingError(f"Alertmanager does not start: {_masked(log)[-500:]}")


def _wait(folder: Path, answers: Mapping[str, Answer], seconds: float, done: Any) -> None:  # noqa: ANN401 - a predicate
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        _read(folder / "log", answers)
        if all(map(done, answers.values())):
            return
        time.sleep(_POLL_SECONDS)


def _read(log: Path, answers: Mapping[str, Answer]) -> None:
    """Fills in the answers from the whole log."""
    lines = [json.loads(line) for line in _masked(log).splitlines() if line.endswith("}")]
    for name, answer in answers.items():
        own = [line for line in lines if line.get("receiver") == name]
        answer.sent = sum(line["msg"] == "Notify success" for line in own)
        attempts = [line["err"] for line in own if "Notify attempt failed" in line["msg"]]
        final = [line["err"] for line in lines if str(line.get("err", "")).startswith(f"{name}/")]
        answer.over = bool(final)
        errors = [*attempts, *(text.partition(" attempts: ")[2] or text for text in final)]
        answer.error = errors[-1] if errors else ""


def _masked(log: Path) -> str:
    """Returns the log without secrets: Telegram's token is in an address, which errors quote."""
    return Mask((log.parent / "secrets").iterdir())(log.read_text(encoding="utf-8"))


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0 if every channel accepted, 1 if one did not, 2 if none is set or NAME is wrong."""
    parser = argparse.ArgumentParser(prog="python -m stack.alerting.send", description=__doc__)
    parser.add_argument("name", nargs="?", default=DEFAULT, help="an alert whose labels and texts are sent")
    options = parser.parse_args(argv)
    try:
        environment = load()
        app = environment.app
        alert = example(options.name or DEFAULT, app.environment, links(environment))
        platform = Platform(f"http://127.0.0.1:{app.port}", app.alerts_token)
        answers = send(environment.stack, platform, app.environment, alert)
    except (AlertingError, SettingsError) as error:
        print(error, file=sys.stderr)
        return 2
    for answer in answers:
        print(f"{answer.channel}: {answer.sentence()}")
    if len(answers) == 1:
        print("Nobody is notified: no channel is set. docs/alerting.md lists the settings.", file=sys.stderr)
        return 2
    return int(not all(answer.accepted for answer in answers))


if __name__ == "__main__":
    sys.exit(main())
