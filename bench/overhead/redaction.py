"""The cost of redaction per log record and span, measured directly, not as a difference of two variants."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from opentelemetry.util.types import AttributeValue

from otel.export.redacting import redacted_value
from otel.redaction.engine import Redactor

_REPEATS, _ITEMS = 21, 2000
_MICRO: Final = 1e6
_SECTION: Final = """\
## Redaction by itself

`Redactor` takes **{log:.1f} µs** for a log record with {log_values} fields and **{span:.1f} µs** for
a span with {span_values} attributes: CPU time of the calls that the pipelines make for the access log and the
SERVER span, each item with its own ids and figures; the median of {repeats} repeats in one process.
"""

Fields = Mapping[str, AttributeValue]


@dataclass(frozen=True, slots=True)
class Redaction:
    """Seconds of CPU per item, a value per repeat, and how many values an item has."""

    log: Sequence[float]
    log_values: int
    span: Sequence[float]
    span_values: int


def measure_redaction(repeats: int = _REPEATS, items: int = _ITEMS) -> Redaction:
    """Returns the cost of redaction; the two kinds alternate, so that noise affects both."""
    redactor = Redactor()
    logs: list[float] = []
    spans: list[float] = []
    for repeat in range(repeats):
        numbers = range(repeat * items, (repeat + 1) * items)
        logs.append(_seconds(_redact_log, redactor, [_log_fields(number) for number in numbers]))
        spans.append(_seconds(_redact_span, redactor, [_span_attributes(number) for number in numbers]))
    return Redaction(logs, len(_log_fields(0)), spans, len(_span_attributes(0)))


def section(redaction: Redaction) -> str:
    """Returns the page's section about it."""
    return _SECTION.format(
        log=median(redaction.log) * _MICRO,
        log_values=redaction.log_values,
        span=median(redaction.span) * _MICRO,
        span_values=redaction.span_values,
        repeats=len(redaction.log),
    )


def _seconds(redact: Callable[[Redactor, Fields], object], redactor: Redactor, items: list[Fields]) -> float:
    started = time.process_time()
    for item in items:
        redact(redactor, item)
    return (time.process_time() - started) / len(items)


def _redact_log(redactor: Redactor, fields: Fields) -> object:
    # As otel.logs.pipeline does: the event, then each key and its value.
    redactor.text("request")
    return {redactor.text(key): redactor.value(key, value) for key, value in fields.items()}


def _redact_span(redactor: Redactor, attributes: Fields) -> object:
    # As otel.export.encoding does: the name, then each value.
    redactor.text("GET /courses/{course_id}")
    return [redacted_value(redactor, key, value) for key, value in attributes.items()]


def _log_fields(number: int) -> Fields:
    return {
        "request_id": f"{number:032x}",
        "user.id": f"usr_{number % 500}",
        "http.route": "/courses/{course_id}",
        "url.path": f"/courses/c{number % 5000}",
        "http.request.method": "GET",
        "http.request.body.size": 0,
        "http.response.body.size": 100 + number % 1000,
        "duration_ms": number / 1000,
        "outcome": "completed",
        "http.response.status_code": 200,
    }


def _span_attributes(number: int) -> Fields:
    return {
        "request_id": f"{number:032x}",
        "user.id": f"usr_{number % 500}",
        "http.route": "/courses/{course_id}",
        "url.path": f"/courses/c{number % 5000}",
        "url.scheme": "https",
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "network.protocol.version": "1.1",
        "server.address": "lms.example.org",
        "server.port": 443,
        "client.address": "203.0.113.0",
        "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    }
