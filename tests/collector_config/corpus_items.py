"""The cases of the corpus as OTLP, in every place of a span, a record and a metric."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from tests.redaction.cases import Case

Json = dict[str, Any]
NOW = "1795500000000000000"
TIMES = {"startTimeUnixNano": NOW, "timeUnixNano": NOW}


def text(value: str) -> Json:
    """Returns a text as OTLP JSON."""
    return {"stringValue": value}


def mapping(**values: Json) -> Json:
    """Returns a map as OTLP JSON."""
    return {"kvlistValue": {"values": attributes(values)}}


def listed(*values: Json) -> Json:
    """Returns a list as OTLP JSON."""
    return {"arrayValue": {"values": list(values)}}


def attributes(values: Json) -> list[Json]:
    """Returns attributes as OTLP JSON."""
    return [{"key": key, "value": value} for key, value in values.items()]


class Parts:
    """What one case puts in each place; places that it does not use are empty."""

    def __init__(self, case: Case) -> None:
        self.attributes: Json = {}
        self.bodies: list[Json] = [text("said")]
        self.words = ""
        self.state = ""
        self.metric: Json = {"name": "corpus.metric", "unit": "1", "description": ""}
        _FILL[case.place](self, case)

    def spans(self) -> Json:
        """Returns a span with an event."""
        event = {"timeUnixNano": NOW, "name": self.words, "attributes": attributes(self.attributes)}
        span = {
            "traceId": "0af7651916cd43dd8448eb211c80319c",
            "spanId": "b7ad6b7169203331",
            "name": self.words or "said",
            "startTimeUnixNano": NOW,
            "endTimeUnixNano": NOW,
            "traceState": self.state,
            "status": {"code": 2, "message": self.words},
            "attributes": attributes(self.attributes),
            "events": [event],
        }
        return {"spans": [span]}

    def records(self) -> Json:
        """Returns a record for each body."""
        about = {"timeUnixNano": NOW, "severityText": self.words, "eventName": self.words}
        facts = {**about, "attributes": attributes(self.attributes)}
        return {"logRecords": [{**facts, "body": body} for body in self.bodies]}

    def metrics(self) -> Json:
        """Returns two metrics that differ in their kind."""
        point = {**TIMES, "attributes": attributes(self.attributes), "asInt": "1"}
        total = {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": [point]}
        metric = {**self.metric, "metadata": attributes(self.attributes)}
        return {"metrics": [{**metric, "gauge": {"dataPoints": [point]}}, {**metric, "sum": total}]}


def _text(parts: Parts, case: Case) -> None:
    value = text(case.input)
    parts.words = case.input
    parts.state = f"note={case.input}"
    parts.attributes = {"note": value, "list": listed(value), "map": mapping(note=listed(value))}
    parts.bodies = [value, mapping(note=value, deep=mapping(note=listed(value))), listed(value)]
    parts.metric["description"] = case.input


def _field(parts: Parts, case: Case) -> None:
    facts = {case.input: text(case.value)}
    parts.attributes = {**facts, "map": mapping(**facts), "text": text(json.dumps({case.input: case.value}))}
    parts.bodies = [mapping(**facts), mapping(deep=listed(mapping(**facts)))]


def _name(parts: Parts, case: Case) -> None:
    facts: Json = {case.input: {"intValue": "1"}}
    parts.attributes = {**facts, "map": mapping(**facts)}
    parts.bodies = [mapping(**facts), mapping(deep=listed(mapping(**facts)))]
    parts.metric = {"name": case.input, "unit": "1" if case.kept else case.input, "description": ""}


def _query(parts: Parts, case: Case) -> None:
    parts.attributes = {
        "url.query": text(case.input),
        "url.full": text(f"https://lms.example/x?{case.input}"),
    }


def _path(parts: Parts, case: Case) -> None:
    parts.attributes = {"url.path": text(case.input), "url.full": text(f"https://lms.example{case.input}")}
    parts.words = f"GET {case.input}"
    parts.bodies = [text(f"called {case.input}")]


def _user_agent(parts: Parts, case: Case) -> None:
    parts.attributes = {"user_agent.original": text(case.input)}
    parts.bodies = [text(case.input)]


def _header(parts: Parts, case: Case) -> None:
    name, _, value = case.input.partition(": ")
    parts.attributes = {
        f"http.request.header.{name}": listed(text(value)),
        "headers": mapping(**{name: text(value)}),
    }
    raw = [(name.encode(), value.encode())]
    parts.bodies = [text(case.input), text(f"got {raw}"), mapping(**{name: text(value)})]


def _tracestate(parts: Parts, case: Case) -> None:
    parts.state = case.input


def _user_id(parts: Parts, case: Case) -> None:
    parts.attributes = {"user.id": text(case.input)}
    parts.bodies = [mapping(**{"user.id": text(case.input)})]


def _request_id(parts: Parts, case: Case) -> None:
    parts.attributes = {"request_id": text(case.input)}
    parts.bodies = [mapping(request_id=text(case.input))]


def _bytes(parts: Parts, case: Case) -> None:
    data = {"bytesValue": base64.b64encode(case.input.encode()).decode()}
    parts.attributes = {"data": data, "list": listed(data), "map": mapping(data=data)}
    parts.bodies = [data, mapping(data=data), listed(mapping(data=data))]


_FILL: dict[str, Callable[[Parts, Case], None]] = {
    "text": _text,
    "field": _field,
    "name": _name,
    "query": _query,
    "path": _path,
    "user_agent": _user_agent,
    "header": _header,
    "tracestate": _tracestate,
    "user_id": _user_id,
    "request_id": _request_id,
    "bytes": _bytes,
}
