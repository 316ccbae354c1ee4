from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.core.settings import Settings
from otel.testing import Captured
from tests.app.conftest import make_settings, serving
from tests.app.fixed_clock import FixedClock
from tests.app.people import Api
from tests.app.problems import assert_problem

LIMIT = 2000


@pytest.fixture
def settings(empty_mongodb_url: str, empty_redis_url: str) -> Settings:
    return make_settings(empty_mongodb_url, empty_redis_url, body_limit_bytes=LIMIT)


async def test_a_body_of_the_limit_is_read(api: Api) -> None:
    frame = len('{"email":""}')
    answer = await api.client.post("/auth/login", content='{"email":"' + "x" * (LIMIT - frame) + '"}')
    assert answer.status_code == 422


async def test_an_announced_body_over_the_limit_is_refused(api: Api) -> None:
    answer = await api.client.post("/auth/login", content="x" * (LIMIT + 1))
    assert_problem(answer, 413, "body_too_large")


async def test_an_unannounced_body_is_counted(api: Api) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(LIMIT // 100 + 1):
            yield b"x" * 100

    answer = await api.client.post("/auth/login", content=chunks())
    assert_problem(answer, 413, "body_too_large")


async def test_a_body_with_a_wrong_content_length_is_counted_too(
    empty_mongodb_url: str, empty_redis_url: str, telemetry: Captured, clock: FixedClock
) -> None:
    settings = make_settings(empty_mongodb_url, empty_redis_url, body_limit_bytes=LIMIT)
    async with serving(settings, telemetry, clock) as api:
        answer = await api.client.post(
            "/auth/login", content="x" * (LIMIT + 1), headers={"Content-Length": "10"}
        )
        assert_problem(answer, 413, "body_too_large")
