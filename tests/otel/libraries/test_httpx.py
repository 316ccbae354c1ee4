"""httpx calls become CLIENT spans that propagate the trace and have no secrets in their URL."""

from __future__ import annotations

import asyncio

import httpx
from opentelemetry import trace

from otel.testing import Captured
from tests.otel.receiver import receiver


async def test_a_calls_span_has_neither_query_nor_password(captured: Captured) -> None:
    with receiver() as server, trace.get_tracer("tests").start_as_current_span("caller"):
        url = server.url.replace("://", "://user:hunter2@")
        async with httpx.AsyncClient() as client:
            await client.post(f"{url}/path?token=hunter2#part", content=b"")
        with httpx.Client() as sync_client:
            await asyncio.to_thread(sync_client.post, f"{url}/path?token=hunter2", content=b"")

    calls = [span for span in captured.spans if span.kind == "CLIENT"]
    assert [span.attributes["url.full"] for span in calls] == [f"{server.url}/path"] * 2
    assert {span.parent_id for span in calls} == {captured.spans[0].span_id}
    assert "hunter2" not in repr(captured.spans)
    assert captured.value("http.client.request.duration", {"http.request.method": "POST"}) == 2
    assert "telemetry.attributes.dropped" not in captured.metrics


def test_httpx_is_restored_after_shutdown() -> None:
    assert not hasattr(httpx.HTTPTransport.handle_request, "__wrapped__")
