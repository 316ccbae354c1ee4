"""The HTTP metrics: latency to the last byte, sizes and background tasks, in few series."""

from __future__ import annotations

import asyncio
import random

import pytest
from fastapi import FastAPI

from otel.testing import Captured
from tests.otel.asgi import Answer, request, websocket
from tests.otel.service import instrumented

DURATION = "http.server.request.duration"
FLOOD = 300
JSON = ("Content-Type", "application/json")


@pytest.fixture(name="app")
def _app(captured: Captured) -> FastAPI:
    app = instrumented()
    app.state.captured = captured
    return app


async def test_a_request_is_counted_under_its_route(app: FastAPI, captured: Captured) -> None:
    await request(app, "/echo", method="POST", body=b'{"a":"b"}', headers=[("Content-Length", "9"), JSON])

    counted = {"http.request.method": "POST", "http.route": "/echo", "http.response.status_code": 200}
    assert captured.value(DURATION, {**counted, "url.scheme": "http"}) == 1
    [received] = captured.metrics["http.server.request.body.size"]
    [sent] = captured.metrics["http.server.response.body.size"]
    assert (received.attributes, received.total) == (counted, 9)
    assert (sent.attributes, sent.total) == (counted, 9)


async def test_a_stream_is_counted_with_all_its_parts(app: FastAPI, captured: Captured) -> None:
    answer = await request(app, "/stream")

    [sent] = captured.metrics["http.server.response.body.size"]
    assert (len(answer.body), sent.total) == (30, 30)


@pytest.mark.parametrize(
    ("path", "method", "error"),
    [
        pytest.param("/api/v1/courses/c1/fail", "POST", "Boom", id="an exception"),
        pytest.param("/api/v1/courses/c1/unavailable", "GET", "503", id="a response with status 503"),
        pytest.param("/api/v1/courses/c1/refuse", "GET", None, id="a refusal is none"),
    ],
)
async def test_a_server_error_has_a_type(
    app: FastAPI, captured: Captured, path: str, method: str, error: str | None
) -> None:
    await request(app, path, method=method)

    [series] = captured.metrics[DURATION]
    assert series.attributes.get("error.type") == error


async def test_latency_ends_at_the_last_byte_and_a_background_task_is_measured_separately(
    app: FastAPI, captured: Captured
) -> None:
    answer = Answer()
    running = asyncio.create_task(request(app, "/background", answer=answer))
    while not captured.value(DURATION):  # noqa: ASYNC110 - the response ends inside the application
        await asyncio.sleep(0)

    assert answer.messages[-1] == {"type": "http.response.body", "body": b"null"}
    assert captured.value("http.server.active_requests") == 0
    assert captured.value("background_task.duration") == 0
    app.state.release.set()
    await running
    assert captured.value("background_task.duration", {"outcome": "ok"}) == 1
    assert captured.value(DURATION) == 1


async def test_a_failing_background_task_is_reported_but_its_request_succeeds(
    app: FastAPI, captured: Captured
) -> None:
    app.state.release.set()
    answer = await request(app, "/background", headers=[("X-Fails", "yes")])

    assert answer.status == 200
    assert captured.value("background_task.duration", {"outcome": "error"}) == 1
    assert captured.value(DURATION, {"http.response.status_code": 200}) == 1
    assert [error["tags"]["route"] for error in captured.errors] == ["/background"]
    assert "unhandled_error" in [record.body for record in captured.logs]


async def test_a_flood_of_hosts_methods_and_paths_creates_no_series(app: FastAPI, captured: Captured) -> None:
    source = random.Random(7)  # noqa: S311 - the same flood in every run

    def word() -> str:
        return "".join(source.choices("abcdefghijklmnopqrstuvwxyz", k=12))

    async def flood() -> None:
        for _ in range(FLOOD):
            host, agent = ("Host", f"{word()}.example"), ("User-Agent", word())
            await request(app, f"/{word()}/{word()}", method=word().upper(), headers=[host, agent])
            await request(app, f"/api/v1/courses/{word()}/refuse", query=f"{word()}={word()}", headers=[host])
            await request(app, f"/tenants/{word()}/reports/{word()}", headers=[host])
            await websocket(app, f"/rooms/{word()}")
            await websocket(app, f"/{word()}")

    await flood()
    series = {name: len(each) for name, each in captured.metrics.items() if name.startswith("http.")}
    assert captured.value(DURATION) == 3 * FLOOD
    assert captured.value(DURATION, {"http.route": "<unmatched>", "http.request.method": "_OTHER"}) == FLOOD
    assert series == {DURATION: 3, "http.server.response.body.size": 3}
    connections = captured.metrics["websocket.server.connection.duration"]
    assert {each.attributes["http.route"] for each in connections} == {"/rooms/{room}", "<unmatched>"}


async def test_no_metric_names_a_user(app: FastAPI, captured: Captured) -> None:
    await request(app, "/api/v1/courses/c1/fail", method="POST")

    labels = {
        value for series in captured.metrics.values() for each in series for value in each.attributes.values()
    }
    assert "usr_1" not in labels
    assert any(record.attributes.get("user.id") == "usr_1" for record in captured.logs)
