"""Feeds the corpus' cases into a service's telemetry, through every entry point."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from opentelemetry import metrics, trace
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceState

import otel
from tests.otel.asgi import Answer, request
from tests.redaction.cases import Case

_log = otel.get_logger(service="corpus")
_library = logging.getLogger("library")
_tracer = trace.get_tracer("corpus")
_HEADERS = {"user_agent": "User-Agent", "tracestate": "Tracestate", "request_id": "X-Request-ID"}


@dataclass(frozen=True)
class Entry:
    """A case being run; its number is its trace id and part of its metrics' names."""

    number: int
    case: Case


class Failed(Exception):  # noqa: N818 - every case's request ends with it
    """Raised with the case's text, to trigger an error report."""


def application(entries: list[Entry]) -> FastAPI:
    """Returns an application whose only route handles a case as careless code would, then fails."""
    app = FastAPI()

    @app.get("/fail/{course_id:path}")
    async def fail(course_id: str, asked: Request) -> None:  # noqa: ARG001 - a tag of the report
        entry = entries[trace.get_current_span().get_span_context().trace_id - 1]
        _EMIT[entry.case.place](entry, asked)
        raise Failed(entry.case.input if entry.case.place == "text" else "as expected")

    otel.instrument(app)
    return app


async def send_case(app: FastAPI, entry: Entry) -> Answer:
    """Sends the request of a case."""
    case = entry.case
    headers = [("traceparent", f"00-{entry.number:032x}-b7ad6b7169203331-01")]
    if case.place in _HEADERS:
        headers.append((_HEADERS[case.place], case.input))
    if case.place == "header":
        name, _, value = case.input.partition(": ")
        headers.append((name, value))
    path = {"path": f"/fail{case.input}", "tag": f"/fail/{case.input}"}.get(case.place, "/fail/c1")
    query = case.input if case.place == "query" else ""
    answer = Answer()
    with suppress(Failed):  # an unhandled error reaches the server, as without the library
        await request(app, path, headers=headers, query=query, answer=answer)
    return answer


def _text(entry: Entry, _asked: Request) -> None:
    text = entry.case.input
    _log.info(text, note=text, deep={"list": [text, {"note": text}]})
    _library.warning("%s", text)
    _library.warning("said", extra={"note": text, "pairs": [("note", text)]})
    link = Link(trace.get_current_span().get_span_context(), {"note": text})
    with _tracer.start_as_current_span(text, attributes={"note": text, "list": [text]}, links=[link]) as span:
        span.add_event(text, {"note": text})
        span.record_exception(ValueError(text))
        span.set_status(Status(StatusCode.ERROR, text))
    with _tracer.start_as_current_span("fast", attributes={"note": text, "list": [text]}):
        _log.error("failed", exc_info=ValueError(text))
    _measure(entry, {"note": text}, description=text)
    otel.breadcrumb("lms.step", note=text)
    otel.set_tag("note", text)


def _field(entry: Entry, _asked: Request) -> None:
    name, value = entry.case.input, entry.case.value
    facts: dict[str, Any] = {name: value}
    _log.info("said", deep=facts, pairs=[(name, value)], **facts)
    _library.warning("%s", facts)
    _library.warning(json.dumps(facts))
    with _tracer.start_as_current_span("said", attributes={**facts, "list": [json.dumps(facts)]}) as span:
        span.add_event("said", facts)
    _measure(entry, facts)
    otel.breadcrumb("lms.step", deep=facts)
    otel.set_tag(name, value)


def _name(entry: Entry, _asked: Request) -> None:
    facts = {entry.case.input: 1}
    _log.info("said", deep=facts, list=[facts], **facts)
    _library.warning("said", extra={**facts, "text": json.dumps(facts)})
    with _tracer.start_as_current_span("said", attributes=facts) as span:
        span.add_event("said", facts)
    with _tracer.start_as_current_span("fast", attributes=facts):
        _measure(entry, facts, unit=entry.case.input if entry.case.gone else "1")
    otel.breadcrumb("lms.step", deep=facts)
    otel.set_tag(entry.case.input, "1")


def _measure(entry: Entry, attributes: dict[str, Any], *, description: str = "", unit: str = "1") -> None:
    """Records metrics through OpenTelemetry's plain API."""
    meter = metrics.get_meter("corpus")
    meter.create_counter(f"corpus.counter.{entry.number}", unit, description).add(1, attributes)
    meter.create_histogram(f"corpus.histogram.{entry.number}", unit, description).record(1, attributes)
    meter.create_observable_gauge(
        f"corpus.gauge.{entry.number}", [lambda _: [metrics.Observation(1, attributes)]], unit, description
    )


def _query(entry: Entry, _asked: Request) -> None:
    url = f"https://lms.example/x?{entry.case.input}"
    _log.info("called", **{"url.full": url, "url.query": entry.case.input})
    with _tracer.start_as_current_span("called", attributes={"url.full": url, "url.query": entry.case.input}):
        pass


def _path(entry: Entry, _asked: Request) -> None:
    facts = {"url.path": entry.case.input, "url.full": f"https://lms.example{entry.case.input}"}
    _log.info("called", **facts)
    with _tracer.start_as_current_span(f"GET {entry.case.input}", attributes=facts):
        pass


def _header(entry: Entry, asked: Request) -> None:
    headers = asked.headers
    _log.info("got", headers=dict(headers), pairs=list(headers.items()), raw=headers.raw)
    _library.warning("got %s and %s", headers, headers.raw)
    name, _, value = entry.case.input.partition(": ")
    with _tracer.start_as_current_span("got", attributes={f"http.request.header.{name}": [value]}):
        pass


def _tracestate(entry: Entry, _asked: Request) -> None:
    here = trace.get_current_span().get_span_context()
    key, _, value = entry.case.input.partition("=")
    state = TraceState([(key, value)])
    link = Link(SpanContext(here.trace_id, here.span_id, is_remote=True, trace_state=state), {})
    with _tracer.start_as_current_span("linked", links=[link]):
        _log.info("said")


def _user_id(entry: Entry, _asked: Request) -> None:
    otel.set_user(entry.case.input, "student")
    _log.info("said")


def _bytes(entry: Entry, _asked: Request) -> None:
    data = entry.case.input.encode()
    _log.info("said", data=data, deep={"data": [data]}, text=base64.b64encode(data).decode())
    _library.warning("said", extra={"data": bytearray(data), "pairs": [("data", memoryview(data))]})
    with _tracer.start_as_current_span("said", attributes={"data": data, "list": [data]}) as span:
        span.add_event("said", {"data": data})
    _measure(entry, {"data": data})


def _nothing(_entry: Entry, _asked: Request) -> None:
    _log.info("said")


_EMIT: dict[str, Callable[[Entry, Request], None]] = {
    "text": _text,
    "field": _field,
    "name": _name,
    "query": _query,
    "path": _path,
    "header": _header,
    "tracestate": _tracestate,
    "user_id": _user_id,
    "bytes": _bytes,
    "user_agent": _nothing,
    "request_id": _nothing,
    "tag": _nothing,
}
