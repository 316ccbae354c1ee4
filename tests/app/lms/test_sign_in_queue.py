"""Sign-ins of clients that hang up, over real connections: none of them costs a hash."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from app.core.passwords import Passwords
from app.core.settings import Settings
from app.http.server import Limits
from otel.testing import Captured
from tests.app.conftest import make_settings
from tests.app.http.raw_server import Server, listening
from tests.app.people import PASSWORD, Api
from tests.app.problems import assert_problem
from tests.programs import wait

WAITING = 3


@pytest.fixture
def settings(empty_mongodb_url: str, empty_redis_url: str) -> Settings:
    return make_settings(empty_mongodb_url, empty_redis_url, password_hashes=1, password_queue=WAITING)


@pytest.fixture
async def server(api: Api, settings: Settings) -> AsyncIterator[Server]:
    async with listening(api.app, Limits.of(settings)) as running:
        yield running


def passwords_of(api: Api) -> Passwords:
    found: Passwords = api.app.state.services.users._passwords
    return found


def sign_in(email: str) -> bytes:
    body = json.dumps({"email": email, "password": PASSWORD}).encode()
    head = f"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Content-Type: application/json\r\n\r\n" + body


async def test_abandoned_sign_ins_cost_nothing_and_delay_nobody(
    api: Api, server: Server, telemetry: Captured
) -> None:
    person = await api.student()
    begun = telemetry.value("lms.password.turns", {"outcome": "begun"})
    async with passwords_of(api).turn(asyncio.Event()):
        writers = [(await server.connect())[1] for _ in range(WAITING)]
        for writer in writers:
            writer.write(sign_in(person.email))
        await wait(lambda: telemetry.value("lms.password.pending_requests") == WAITING, "all wait in line")
        for writer in writers:
            writer.close()
        await wait(lambda: not server.state.connections, "all connections are closed")
        honest = asyncio.create_task(api.login(person.email))
        await wait(
            lambda: telemetry.value("lms.password.turns", {"outcome": "abandoned"}) == WAITING,
            "all are abandoned",
        )
    assert (await honest).id == person.id
    assert (
        telemetry.value("lms.password.turns", {"outcome": "begun"}) == begun + 2
    )  # the test's own, the honest
    assert telemetry.value("lms.logins", {"outcome": "success"}) == 2


async def test_a_full_queue_says_when_to_retry(api: Api, telemetry: Captured) -> None:
    login = {"email": "nobody@example.org", "password": PASSWORD}

    async def send() -> httpx.Response:
        return await api.client.post("/auth/login", json=login)

    async with passwords_of(api).turn(asyncio.Event()):
        waiting = [asyncio.create_task(send()) for _ in range(WAITING)]
        await wait(lambda: telemetry.value("lms.password.pending_requests") == WAITING, "all wait in line")
        answer = await send()
        assert_problem(answer, 503, "passwords_busy")
        assert answer.headers["retry-after"] == "2"
        body = {"email": "new@example.org", "password": PASSWORD, "name": "Ada"}
        assert_problem(await api.client.post("/users", json=body), 503, "passwords_busy")
    assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [401] * WAITING
