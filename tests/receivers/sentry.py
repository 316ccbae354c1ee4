"""Sentry: the envelope endpoint of one project, and the check-in address of its cron monitors."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from tests.receivers.endpoint import Endpoint, Reply, Request

PROJECT: Final = "7"
KEY: Final = "0123456789abcdef0123456789abcdef"
ENVELOPE: Final = f"/api/{PROJECT}/envelope/"
LEVELS: Final = {"fatal", "error", "warning", "info", "debug"}
_CRON: Final = re.compile(rf"/api/{PROJECT}/cron/([a-z0-9_-]+)/{KEY}/")
_EVENT_ID: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class CheckIn:
    """One sign of life of a monitor."""

    monitor: str
    status: str
    at: datetime


class Sentry(Endpoint):
    """Keeps the events of valid envelopes (develop.sentry.dev/sdk/envelopes) and the check-ins."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []
        self.check_ins: list[CheckIn] = []

    @property
    def dsn(self) -> str:
        """The project's DSN."""
        return f"http://{KEY}@{self.url.removeprefix('http://')}/{PROJECT}"

    def cron_url(self, monitor: str) -> str:
        """Returns the address at which the monitor checks in."""
        return f"{self.url}/api/{PROJECT}/cron/{monitor}/{KEY}/?status=ok"

    def judge(self, request: Request) -> Reply:
        """Answers as the envelope endpoint or as a monitor, by the path."""
        url = urlsplit(request.path)
        if cron := _CRON.fullmatch(url.path):
            return self._check_in(cron[1], parse_qs(url.query), request)
        if (request.method, url.path) == ("GET", "/"):
            return Reply(200)  # its pages: whether it can be reached
        if request.method != "POST" or url.path != ENVELOPE:
            return self.refuse(f"{request.method} {request.path} is not of project {PROJECT}", Reply(404))
        if f"sentry_key={KEY}" not in request.headers.get("x-sentry-auth", ""):
            return self.refuse("the key in X-Sentry-Auth is wrong or missing", Reply(403))
        try:
            events = [_checked(each) for each in _events(request)]
        except (ValueError, KeyError, IndexError) as error:
            return self.refuse(f"no envelope: {error!r}", Reply(400))
        self.events += events
        return Reply(200, "{}", "application/json")

    def _check_in(self, monitor: str, query: dict[str, list[str]], request: Request) -> Reply:
        status = query.get("status", [""])[0]
        if status not in {"ok", "error", "in_progress"}:
            return self.refuse(f"a check-in of {monitor} with status {status!r}", Reply(400))
        self.check_ins.append(CheckIn(monitor, status, request.at))
        return Reply(202)


def _events(request: Request) -> list[dict[str, Any]]:
    """Returns the events of an envelope; items of another kind are passed over."""
    body = request.body
    if request.headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    head, _, rest = body.partition(b"\n")
    json.loads(head)
    events = []
    while rest.strip():
        line, _, rest = rest.partition(b"\n")
        item = json.loads(line)
        length = item.get("length", len(rest.partition(b"\n")[0]))
        payload, rest = rest[:length], rest[length:].removeprefix(b"\n")
        if item["type"] == "event":
            events.append(json.loads(payload))
    return events


def _checked(event: dict[str, Any]) -> dict[str, Any]:
    """Returns the event.

    Raises:
        ValueError: Sentry would discard it, or part of it.
    """
    if not _EVENT_ID.fullmatch(event["event_id"]):
        raise ValueError(f"event_id {event['event_id']!r}")
    if event.get("level", "error") not in LEVELS:
        raise ValueError(f"level {event['level']!r}")
    for name, value in event.get("tags", {}).items():
        if not isinstance(value, str) or len(value) > 200 or "\n" in value or len(name) > 32:
            raise ValueError(f"tag {name}: {value!r}")
    if not all(isinstance(each, str) for each in event.get("fingerprint", [])):
        raise ValueError("the fingerprint is not a list of texts")
    return event
