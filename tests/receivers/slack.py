"""Slack: an incoming webhook, and chat.postMessage with a bot's token."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tests.receivers.endpoint import Endpoint, Reply, Request
from tests.receivers.slack_schema import Message, empty, parse

WEBHOOK: Final = "/services/T00000000/B00000000/planted"
POST_MESSAGE: Final = "/api/chat.postMessage"
TOKEN: Final = "xoxb-planted-bot-token"
CHANNEL_ID: Final = "C0123456789"
# `<…>` is the only markup that links, mentions and notifies; people's own < and > arrive as entities.
_CONTROL: Final = re.compile(r"<([^<>]*)>")


@dataclass(frozen=True)
class Post:
    """A message that Slack shows; ``fields`` is the payload as sent."""

    message: Message
    fields: dict[str, Any]
    at: datetime

    @property
    def text(self) -> str:
        """Everything that a reader sees, one text a line."""
        return "\n".join(_strings(self.fields))

    def controls(self) -> list[str]:
        """Returns what stands in `<…>`: links, and mentions such as `!channel` and `@U123`."""
        return _CONTROL.findall(self.text)

    def mentions(self) -> list[str]:
        """Returns the mentions, which notify people."""
        return [each for each in self.controls() if each.startswith(("!", "@", "#"))]


class Slack(Endpoint):
    """Slack with one webhook and one bot; shows a message only if it is as documented.

    Args:
        channels: the channels that the bot may post to; None for any.
    """

    def __init__(self, channels: frozenset[str] | None = None) -> None:
        super().__init__()
        self.posts: list[Post] = []
        self._channels = channels
        self._stamps = itertools.count(1)

    @property
    def webhook_url(self) -> str:
        """The address of the webhook, which is the secret."""
        return f"{self.url}{WEBHOOK}"

    @property
    def api_url(self) -> str:
        """The address of chat.postMessage."""
        return f"{self.url}{POST_MESSAGE}"

    def judge(self, request: Request) -> Reply:
        """Answers as the webhook or as the method, by the path."""
        if request.method != "POST":
            return self.refuse(f"{request.method} {request.path}", Reply(405))
        if request.path == WEBHOOK:
            return self._webhook(request)
        if request.path == POST_MESSAGE:
            return self._post_message(request)
        return self.refuse(f"nothing is at {request.path}", Reply(404, "no_service"))

    def _webhook(self, request: Request) -> Reply:
        message, mistake = self._parse(request)
        if message is None:
            return self.refuse(mistake, Reply(400, "invalid_payload"))
        if empty(message):
            return self.refuse("no text", Reply(400, "no_text"))
        self._show(message, request)
        return Reply(200, "ok", "text/html")

    def _post_message(self, request: Request) -> Reply:
        """Answers with 200 and `ok: false` to a wrong request, as the Web API does."""
        if (given := request.headers.get("authorization")) != f"Bearer {TOKEN}":
            return self._error("invalid_auth" if given else "not_authed", "the token is wrong or missing")
        message, mistake = self._parse(request)
        if message is None:
            return self._error("invalid_blocks" if "blocks" in mistake else "invalid_arguments", mistake)
        if not message.channel or (self._channels and message.channel not in self._channels):
            return self._error("channel_not_found", f"no channel {message.channel!r}")
        if empty(message):
            return self._error("no_text", "no text")
        self._show(message, request)
        stamp = f"{int(request.at.timestamp())}.{next(self._stamps):06}"
        return _json({"ok": True, "channel": CHANNEL_ID, "ts": stamp, "message": {"text": message.text}})

    def _parse(self, request: Request) -> tuple[Message | None, str]:
        if not request.headers.get("content-type", "").startswith("application/json"):
            return None, f"sent as {request.headers.get('content-type')}, not as application/json"
        return parse(request.body)

    def _error(self, name: str, sentence: str) -> Reply:
        return self.refuse(f"{name}: {sentence}", _json({"ok": False, "error": name}))

    def _show(self, message: Message, request: Request) -> None:
        self.posts.append(Post(message, json.loads(request.body), request.at))


def _json(fields: dict[str, Any]) -> Reply:
    return Reply(200, json.dumps(fields), "application/json; charset=utf-8")


def _strings(value: object, key: str = "") -> Iterator[str]:
    """Yields the texts that are shown, without the names of types and colours."""
    hidden = {"type", "color", "style", "mrkdwn_in", "action_id", "block_id", "url", "title_link"}
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _strings(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each, key)
    elif isinstance(value, str) and key not in hidden:
        yield value
