"""httpx calls are CLIENT spans that carry the trace on, and whose URL gives nothing away."""

from __future__ import annotations

import asyncio

import httpx
from opentelemetry import trace

from otel.testing import Captured
from tests.otel.receiver import receiver


async def test_a_call_is_a_span_without_query_and_password(captured: Captured) -> None:
    with receiver() as server, trace.get_tracer("tests").start_as_current_span("caller"):
        url = server.url.replace("://", "://user:hunter2@")
        async with httpx.AsyncClient() as client:
            await client.post(f"{url}/path?token=hunter2#part", content=b"")
        with httpx.Client() as client_of_threads:
            await asyncio.to_thread(client_of_threads.post, f"{url}/path?token=hunter2", content=b"")

    calls = [span for span in captured.spans if span.kind == "CLIENT"]
    assert [span.attributes["url.full"] for span in calls] == [f"{server.url}/path"] * 2
    assert {span.parent_id for span in calls} == {captured.spans[0].span_id}
    assert "hunter2" not in repr(captured.spans)
    assert captured.value("http.client.request.duration", {"http.request.method": "POST"}) == 2
    assert "telemetry.attributes.dropped" not in captured.metrics


def test_httpx_is_as_before_after_the_end() -> None:
    assert not hasattr(httpx.HTTPTransport.handle_request, "__wrapped__")
