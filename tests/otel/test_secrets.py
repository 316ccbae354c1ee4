"""Random secrets in every input, looked for in all that leaves: spans, records, lines, errors, metrics."""

from __future__ import annotations

import base64
import json
import logging
import random
from dataclasses import dataclass
from urllib.parse import quote

import jwt
import pytest
from fastapi import FastAPI
from opentelemetry import trace

import otel
from otel.logs import EventLogger
from otel.sentry import capture
from otel.testing import Captured
from tests.otel.asgi import request
from tests.otel.service import instrumented

ROUNDS = 8


@dataclass(frozen=True)
class Planted:
    """One person's secrets, the same in every run of a seed."""

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


def everything(captured: Captured) -> str:
    parts = [*map(repr, captured.spans), *map(repr, captured.logs), *captured.lines]
    metrics = repr(captured.metrics) + captured.telemetry.prometheus_text().decode()
    return "\n".join([*parts, json.dumps(captured.errors, default=repr), metrics])


@pytest.fixture(name="app")
def _app(captured: Captured) -> FastAPI:
    app = instrumented()
    app.state.captured = captured
    return app


@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_no_secret_of_a_request_leaves(app: FastAPI, captured: Captured, seed: int) -> None:
    secrets = plant(seed)
    headers = [
        ("Authorization", f"Bearer {secrets.bearer}"),
        ("Cookie", f"session={secrets.password}"),
        ("User-Agent", f"agent of {secrets.mail} {secrets.token}"),
        ("X-Request-ID", secrets.mail),
        ("Baggage", f"user={quote(secrets.mail)},token={secrets.token}"),
        ("Referer", f"https://lms.example/?token={secrets.password}"),
        ("Content-Type", "application/json"),
    ]
    query = f"email={secrets.mail}&token={secrets.password}&x={secrets.token}"
    for text in sentences(secrets):
        body = json.dumps({"text": text}).encode()
        await request(app, "/api/v1/courses/c1/fail", method="POST", headers=headers, query=query, body=body)
    for path in (f"/api/v1/courses/{secrets.mail}/fail", f"/nowhere/{secrets.token}", f"/{secrets.bearer}"):
        await request(app, path, method="POST", headers=headers, query=query)
    await request(app, f"/api/v1/courses/{secrets.token}/refuse", method=secrets.token, headers=headers)
    await request(
        app,
        "/echo",
        method="POST",
        headers=headers,
        body=json.dumps({"p": 1, "q": secrets.mail}).encode(),
    )

    left = everything(captured)
    assert "unhandled_error" in left
    assert [secret for secret in secrets.all if secret in left] == []


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_no_secret_that_code_hands_over_leaves(captured: Captured, seed: int) -> None:
    secrets = plant(seed)
    log = otel.get_logger(service="courses", api_token=secrets.password)
    fields = {
        "password": secrets.password,
        "mails": [secrets.mail],
        "deep": {"a": [{"secret": secrets.password}]},
    }
    for text in sentences(secrets):
        log.info(text, text=text, **fields)
        logging.getLogger("library").warning(
            "said %s", text, extra={"access_token": secrets.password, "note": text}
        )
        with trace.get_tracer("tests").start_as_current_span(
            text, attributes={"note": text, "password": secrets.password}
        ) as span:
            span.add_event(text, {"note": text, "mails": [secrets.mail]})
            fail(log, text)

    left = everything(captured)
    assert "failed" in left
    assert [secret for secret in secrets.all if secret in left] == []


def fail(log: EventLogger, text: str) -> None:
    error = LookupError(text)
    log.error("failed", exc_info=error)
    trace.get_current_span().record_exception(error)
    capture(error, None)
