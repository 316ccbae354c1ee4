"""Jaeger, and what Tempo answers: one form of span."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from app.infra.stores.client import Login, StoreClient, StoreUnavailable
from app.infra.stores.otlp_traces import JAEGER_PATH, TEMPO_PATH, OtlpTraces
from stack.native import logins
from stack.native.probes import NO_CERTIFICATES
from tests.app.infra.stores.conftest import PASSWORD
from tests.app.infra.stores.jaegers import RunningJaeger, jaeger
from tests.app.infra.stores.odd_server import GARBAGE, answering, odd_server
from tests.app.infra.stores.telemetry_of import send
from tests.programs import wait_until

SCRIPT = """
from opentelemetry.trace import SpanKind, StatusCode
with tracer.start_as_current_span("GET /courses", kind=SpanKind.SERVER) as server:
    answer = format(server.get_span_context().trace_id, "032x")
    server.set_attributes({"http.response.status_code": 500, "ratio": 0.5, "cached": False})
    server.set_attribute("tags", ["a", "b"])
    with tracer.start_as_current_span("find courses", kind=SpanKind.CLIENT):
        pass
    try:
        1 / 0
    except ZeroDivisionError as error:
        server.record_exception(error)
        server.set_status(StatusCode.ERROR, "it failed")
"""
UNKNOWN = "0" * 31 + "1"


@pytest.fixture(scope="module")
def running_jaeger() -> Iterator[RunningJaeger]:
    with jaeger() as started:
        yield started


@pytest.fixture(scope="module")
def trace_id(running_jaeger: RunningJaeger) -> str:
    """A trace that Jaeger has."""
    sent = send(SCRIPT, traces=running_jaeger.otlp, login=logins.basic(PASSWORD))
    wait_until(lambda: raw(running_jaeger, sent).status_code == 200, "Jaeger has the trace")
    return sent


def raw(running: RunningJaeger, trace_id: str) -> httpx.Response:
    auth = (logins.USER, PASSWORD)
    return httpx.get(f"{running.url}{JAEGER_PATH}/{trace_id}", auth=auth, verify=NO_CERTIFICATES, timeout=20)


@pytest.fixture
async def store(running_jaeger: RunningJaeger) -> AsyncIterator[OtlpTraces]:
    client = StoreClient("jaeger", running_jaeger.url, seconds=20, login=Login(logins.USER, PASSWORD))
    yield OtlpTraces(client, JAEGER_PATH)
    await client.close()


async def test_spans_are_read_with_what_happened_in_them(store: OtlpTraces, trace_id: str) -> None:
    server, client = await store.trace(trace_id)
    assert (server.name, server.kind, server.service) == ("GET /courses", "server", "lms")
    assert (client.name, client.kind, client.parent_id) == ("find courses", "client", server.span_id)
    assert (server.parent_id, len(server.span_id)) == ("", 16)
    assert server.start < client.start <= client.end < server.end
    assert (server.failed, server.status, client.failed) == (True, "it failed", False)
    expected = {"http.response.status_code": "500", "ratio": "0.5", "cached": "false", "tags": '["a","b"]'}
    assert expected.items() <= server.attributes.items()
    [event] = server.events
    assert event.name == "exception"
    assert event.attributes["exception.type"] == "ZeroDivisionError"
    assert server.start < event.time <= server.end


async def test_a_trace_that_is_not_there_has_no_spans(store: OtlpTraces) -> None:
    assert await store.trace(UNKNOWN) == []


async def test_jaeger_asks_for_its_login(running_jaeger: RunningJaeger, trace_id: str) -> None:
    client = StoreClient("jaeger", running_jaeger.url, seconds=20)
    with pytest.raises(StoreUnavailable, match="answered 401"):
        await OtlpTraces(client, JAEGER_PATH).trace(trace_id)
    await client.close()


def as_tempo(node: Any) -> Any:  # noqa: ANN401 - JSON
    """Returns OTLP's JSON as JSON of protobuf: ids in base64, names for numbers of an enumeration."""
    kinds = {1: "SPAN_KIND_INTERNAL", 2: "SPAN_KIND_SERVER", 3: "SPAN_KIND_CLIENT"}
    if isinstance(node, list):
        return [as_tempo(each) for each in node]
    if not isinstance(node, dict):
        return node
    changed = {key: as_tempo(value) for key, value in node.items()}
    for key in {"traceId", "spanId", "parentSpanId"} & changed.keys():
        changed[key] = base64.b64encode(bytes.fromhex(changed[key])).decode()
    if isinstance(changed.get("kind"), int):
        changed["kind"] = kinds[changed["kind"]]
    if changed.get("code") == 2:
        changed["code"] = "STATUS_CODE_ERROR"
    return changed


async def tempos(body: object, status: str = "200 OK") -> list[Any]:
    """Returns the spans of what a Tempo answers; its module is not served, so none runs here."""
    with odd_server(answering(json.dumps(body).encode(), status)) as url:
        client = StoreClient("tempo", url, seconds=20)
        try:
            return list(await OtlpTraces(client, TEMPO_PATH).trace(UNKNOWN))
        finally:
            await client.close()


async def test_tempos_form_of_the_same_trace_gives_the_same_spans(
    running_jaeger: RunningJaeger, store: OtlpTraces, trace_id: str
) -> None:
    answer = as_tempo(raw(running_jaeger, trace_id).json()["result"])
    assert "SPAN_KIND_SERVER" in json.dumps(answer)
    spans = await store.trace(trace_id)
    assert await tempos({"trace": answer, "metrics": {"inspectedBytes": "1"}}) == spans
    assert await tempos({"trace": {"batches": answer["resourceSpans"]}}) == spans
    assert await tempos({"trace": {}}) == []
    assert await tempos({}, "404 Not Found") == []


@pytest.mark.parametrize(
    "body",
    [
        *GARBAGE,
        b'{"result":{"resourceSpans":{}}}',
        b'{"result":{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"!","startTimeUnixNano":"1"}]}]}]}}',
        b'{"result":{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"","startTimeUnixNano":"x"}]}]}]}}',
        b'{"result":{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"","startTimeUnixNano":"-1"}]}]}]}}',
        b'{"result":{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"","startTimeUnixNano":%d}]}]}]}}'
        % 2**64,
        b'{"result":{"resourceSpans":[{"scopeSpans":[{"spans":[7]}]}]}}',
    ],
)
async def test_garbage_is_unavailable(body: bytes) -> None:
    with odd_server(answering(body)) as url:
        client = StoreClient("jaeger", url, seconds=20)
        with pytest.raises(StoreUnavailable, match="did not answer as its API does"):
            await OtlpTraces(client, JAEGER_PATH).trace(UNKNOWN)
        await client.close()
