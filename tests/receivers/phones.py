"""The services that ring phones: PagerDuty (Events API v2), Opsgenie (Alert API) and Telegram (Bot API)."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from tests.receivers.endpoint import Endpoint, Reply, Request

ROUTING_KEY: Final = "0123456789abcdef0123456789abcdef"
API_KEY: Final = "planted-opsgenie-key"
BOT_TOKEN: Final = "123456:planted-telegram-token"
CHAT_ID: Final = -1001234567890
_CLOSE: Final = re.compile(r"/v2/alerts/([^/]+)/close")
# An address that was cut off ends with `…`.
Url = Annotated[str, StringConstraints(pattern=r"^https?://[!-~]+$")]


def _short_in_all(details: dict[str, str]) -> dict[str, str]:
    """Rejects more than Opsgenie's 8000 characters of all keys and values."""
    if sum(map(len, [*details, *details.values()])) > 8000:
        raise ValueError("more than 8000 characters in all")
    return details


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Link(_Strict):
    href: Url
    text: str


class Payload(_Strict):
    summary: Annotated[str, Field(min_length=1, max_length=1024)]
    source: Annotated[str, Field(min_length=1)]
    severity: Literal["critical", "error", "warning", "info"]
    timestamp: str = ""
    component: str = ""
    group: str = ""
    class_: Annotated[str, Field(alias="class")] = ""
    custom_details: dict[str, Any] = {}


class Event(_Strict):
    """An event as in developer.pagerduty.com/docs/events-api-v2."""

    routing_key: Annotated[str, StringConstraints(pattern=r"^[0-9a-zA-Z]{32}$")]
    event_action: Literal["trigger", "acknowledge", "resolve"]
    dedup_key: Annotated[str, Field(min_length=1, max_length=255)]
    payload: Payload
    client: str = ""
    client_url: Url | Literal[""] = ""
    links: list[Link] = []


class Opened(_Strict):
    """An alert as in docs.opsgenie.com/docs/alert-api."""

    message: Annotated[str, Field(min_length=1, max_length=130)]
    alias: Annotated[str, Field(min_length=1, max_length=512)]
    description: Annotated[str, Field(max_length=15_000)] = ""
    details: Annotated[dict[str, str], AfterValidator(_short_in_all)] = {}
    source: Annotated[str, Field(max_length=100)] = ""
    priority: Literal["P1", "P2", "P3", "P4", "P5", ""] = ""
    tags: Annotated[list[Annotated[str, Field(max_length=50)]], Field(max_length=20)] = []
    entity: Annotated[str, Field(max_length=512)] = ""
    note: str = ""
    actions: list[str] = []
    responders: list[dict[str, str]] = []


class Text(_Strict):
    """A message as in core.telegram.org/bots/api#sendmessage; the client sends every value as text."""

    chat_id: int
    text: Annotated[str, Field(min_length=1, max_length=4096)]
    parse_mode: Literal["", "HTML", "Markdown", "MarkdownV2"] = ""
    disable_web_page_preview: bool = False
    disable_notification: bool = False
    message_thread_id: int | None = None


class PagerDuty(Endpoint):
    """Keeps the events that it would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []

    @property
    def events_url(self) -> str:
        """The address of the Events API."""
        return f"{self.url}/v2/enqueue"

    def judge(self, request: Request) -> Reply:
        """Answers 202 to an event of the integration, 400 to anything else."""
        if (request.method, request.path) != ("POST", "/v2/enqueue"):
            return self.refuse(f"{request.method} {request.path}", Reply(404))
        try:
            event = Event.model_validate_json(request.body)
        except ValidationError as error:
            return self.refuse(str(error), _json(400, {"status": "invalid event"}))
        if event.routing_key != ROUTING_KEY:
            return self.refuse("another routing key", _json(400, {"status": "invalid event"}))
        self.events.append(event)
        return _json(202, {"status": "success", "dedup_key": event.dedup_key})


class Opsgenie(Endpoint):
    """Keeps the alerts that are opened, and the aliases of those that are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[Opened] = []
        self.closed: list[str] = []

    def judge(self, request: Request) -> Reply:
        """Answers 202 to an alert or its end, 401 without the key, 404 and 422 to anything else."""
        if request.headers.get("authorization") != f"GenieKey {API_KEY}":
            return self.refuse(
                "the key is wrong or missing", _json(401, {"message": "Could not authenticate"})
            )
        parts = urlsplit(request.path)
        path, query = parts.path, parse_qs(parts.query)
        if (close := _CLOSE.fullmatch(path)) and query.get("identifierType") == ["alias"]:
            self.closed.append(unquote(close[1]))
            return _json(202, {"result": "Request will be processed"})
        if (request.method, path) != ("POST", "/v2/alerts"):
            return self.refuse(f"{request.method} {request.path}", Reply(404))
        try:
            self.opened.append(Opened.model_validate_json(request.body))
        except ValidationError as error:
            return self.refuse(str(error), _json(422, {"message": "Request body is not processable"}))
        return _json(202, {"result": "Request will be processed"})


class Telegram(Endpoint):
    """Keeps the messages to the one chat that the bot is in."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[Text] = []

    def judge(self, request: Request) -> Reply:
        """Answers as the Bot API: `ok`, and an error code that is the status."""
        if request.path != f"/bot{BOT_TOKEN}/sendMessage":
            return self.refuse("another bot or method", _failed(401, "Unauthorized"))
        try:
            text = Text.model_validate_json(request.body)
        except ValidationError as error:
            return self.refuse(str(error), _failed(400, "Bad Request: message text is empty or too long"))
        if text.chat_id != CHAT_ID:
            return self.refuse(f"chat {text.chat_id}", _failed(400, "Bad Request: chat not found"))
        self.texts.append(text)
        sent = {"message_id": len(self.texts), "date": int(request.at.timestamp()), "chat": {"id": CHAT_ID}}
        return _json(200, {"ok": True, "result": {**sent, "text": text.text}})


def _json(status: int, fields: dict[str, Any]) -> Reply:
    return Reply(status, json.dumps(fields), "application/json")


def _failed(status: int, description: str) -> Reply:
    return _json(status, {"ok": False, "error_code": status, "description": description})
