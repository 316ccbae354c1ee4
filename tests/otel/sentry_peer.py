"""A service with sentry-sdk's stock integrations; as a program it prints the event of one failed request."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from typing import Any

import httpx
import sentry_sdk
from fastapi import FastAPI
from redis.asyncio import Redis
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from tests.otel.asgi import request

PATH = "/courses/c1/fail"
SECRETS = {
    name: f"hunter2-{name}" for name in ("local", "outgoing", "text", "query", "body", "header", "breadcrumb")
}
REQUEST: dict[str, Any] = {
    "method": "POST",
    "query": f"q={SECRETS['query']}",
    "body": json.dumps({"remark": SECRETS["body"]}).encode(),
    "headers": [("Content-Type", "application/json"), ("Content-Length", "32"), ("X-Key", SECRETS["header"])],
}


class Memory(Transport):
    """Keeps the events."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Any] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        if (event := envelope.get_event()) is not None:
            self.events.append(event)


def build(redis_url: str, other_url: str) -> FastAPI:
    """Builds an application whose route logs, calls Redis and another service, and fails."""
    app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})

    @app.post("/courses/{course_id}/fail")
    async def fail(course_id: str, body: dict[str, str]) -> None:
        remark = body["remark"] + SECRETS["local"]
        logging.getLogger("library").warning("noticed %s, token=%s", course_id, SECRETS["breadcrumb"])
        async with Redis.from_url(redis_url) as redis:
            await redis.get("key")
        async with httpx.AsyncClient() as client:
            await client.post(f"{other_url}/path?token={SECRETS['outgoing']}", content=b"")
        raise LookupError(f"password={SECRETS['text']} of {len(remark)} letters")

    @app.get("/fine")
    async def fine() -> None:
        """Succeeds."""

    return app


async def main(redis_url: str, other_url: str) -> None:
    """Sends the request and prints its one event."""
    memory = Memory()
    sentry_sdk.init(dsn="https://public@errors.invalid/1", transport=memory, send_default_pii=False)
    app = build(redis_url, other_url)
    try:
        await request(app, PATH, **REQUEST)
    except LookupError:
        print(json.dumps(memory.events, default=str))  # noqa: T201 - the program's output


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
