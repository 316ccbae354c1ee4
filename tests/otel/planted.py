"""Random secrets, and every input through which they can enter a service."""

from __future__ import annotations

import base64
import json
import logging
import random
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import jwt
from fastapi import FastAPI
from opentelemetry import trace

import otel
from otel.errors.reports import capture
from otel.logs.event_logger import EventLogger
from tests.otel.asgi import request, websocket
from tests.otel.service import Boom

FAIL: Final = "/api/v1/courses/c1/fail"


@dataclass(frozen=True)
class Planted:
    """One person's secrets, the same for the same seed."""

    mail: str
    password: str
    token: str
    card: str
    bearer: str

    @property
    def all(self) -> tuple[str, ...]:
        return (self.mail, self.mail.split("@")[0], self.password, self.token, self.card, self.bearer)


def plant(seed: int) -> Planted:
    source = random.Random(seed)  # noqa: S311 - repeatable

    def opaque(size: int) -> str:
        return base64.urlsafe_b64encode(source.randbytes(size)).decode().rstrip("=") + "aA11"

    name = "".join(source.choices("abcdefghijklmnopqrstuvwxyz", k=14))
    claims = {"sub": "usr_1", "email": f"{name}@school.example", "name": name}
    return Planted(
        mail=f"{name}@school.example",
        password="".join(source.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=16)),
        token=opaque(24),
        card=card(source),
        bearer=jwt.encode(claims, opaque(32), algorithm="HS256"),
    )


def card(source: random.Random) -> str:
    digits = [4, *(source.randrange(10) for _ in range(14))]
    doubled = [digit * (2 - place % 2) for place, digit in enumerate(digits)]
    total = sum(digit - 9 if digit > 9 else digit for digit in doubled)
    return "".join(map(str, [*digits, -total % 10]))


def sentences(secrets: Planted) -> list[str]:
    """Texts as programs write them around secrets."""
    return [
        f"user {secrets.mail} failed with password={secrets.password}",
        json.dumps({"password": secrets.password, "card": secrets.card, "mail": secrets.mail}),
        repr({"api_key": secrets.password, "nested": {"token": secrets.token}}),
        f"Authorization: Bearer {secrets.bearer}",
        f"https://{secrets.mail.split('@')[0]}:{secrets.password}@host/path?reset={secrets.password}",
        f"paid with {secrets.card} by {secrets.mail}; key {secrets.token}",
        f"Cookie: session={secrets.password}; other={secrets.password}",
    ]


def headers_of(secrets: Planted) -> list[tuple[str, str]]:
    """A request's headers with a secret in each."""
    return [
        ("Authorization", f"Bearer {secrets.bearer}"),
        ("Cookie", f"session={secrets.password}"),
        ("User-Agent", f"agent of {secrets.mail} {secrets.token}"),
        ("X-Request-ID", secrets.mail),
        ("Baggage", f"user={quote(secrets.mail)},token={secrets.token}"),
        ("Tracestate", f"vendor={secrets.token}"),
        ("Referer", f"https://lms.example/?token={secrets.password}"),
        (f"X-{secrets.token}", secrets.password),
    ]


async def send_everything(app: FastAPI, secrets: Planted) -> None:
    """Sends requests with secrets in headers, bodies, queries, paths, methods, ids, and over a WebSocket."""
    headers = headers_of(secrets)
    query = f"email={secrets.mail}&token={secrets.password}&x={secrets.token}&{secrets.token}=1"
    as_json = [*headers, ("Content-Type", "application/json")]
    for text in sentences(secrets):
        body = json.dumps({"text": text}).encode()
        await request(app, FAIL, method="POST", headers=as_json, query=query, body=body)
    for path in (f"/api/v1/courses/{secrets.mail}/fail", f"/nowhere/{secrets.token}", f"/{secrets.bearer}"):
        await request(app, path, method="POST", headers=headers, query=query)
    await request(app, f"/api/v1/courses/{secrets.token}/refuse", method=secrets.token, headers=headers)
    body = json.dumps({"p": 1, "q": secrets.mail}).encode()
    await request(app, "/echo", method="POST", headers=as_json, body=body)
    form = f"password={secrets.password}&card={secrets.card}".encode()
    await request(app, "/echo", method="POST", headers=headers, body=form)
    for request_id in (secrets.token, secrets.card, secrets.bearer[:64]):
        await request(app, "/stream", headers=[("X-Request-ID", request_id)])
    await _fail_over_a_websocket(app, secrets)


async def _fail_over_a_websocket(app: FastAPI, secrets: Planted) -> None:
    try:
        await websocket(app, f"/rooms/{secrets.token}", secrets.password, secrets.mail, "fail")
    except Boom:
        return
    raise AssertionError("the room should have failed")


def hand_everything_over(secrets: Planted) -> None:
    """Passes secrets to logs, spans, events, links, exceptions and reports, as careless code does."""
    log = otel.get_logger(service="courses", api_token=secrets.password)
    fields = {
        "password": secrets.password,
        "mails": [secrets.mail],
        "deep": {"a": [{"secret": secrets.password}]},
    }
    tracer = trace.get_tracer("tests")
    for text in sentences(secrets):
        log.info(text, text=text, **fields)
        extra = {"access_token": secrets.password, "note": text, secrets.mail: 1}
        logging.getLogger("library").warning("said %s", text, extra=extra)
        link = trace.Link(trace.get_current_span().get_span_context(), {"note": text, "token": secrets.token})
        attributes = {"note": text, "password": secrets.password, "mails": [secrets.mail, text]}
        with tracer.start_as_current_span(text, attributes=attributes, links=[link]) as span:
            span.add_event(text, {"note": text, "mails": [secrets.mail]})
            span.set_status(trace.Status(trace.StatusCode.ERROR, text))
            _fail(log, text)


def _fail(log: EventLogger, text: str) -> None:
    error = LookupError(text)
    log.error("failed", exc_info=error)
    trace.get_current_span().record_exception(error)
    capture(error, None)
