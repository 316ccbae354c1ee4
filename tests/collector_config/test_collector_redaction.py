"""Planted secrets in every place of every signal are found at no sink, on no disk and in no log."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from collector_kit.fragments import FRAGMENTS
from tests.collector_config import collector, intake, otlp_json
from tests.collector_config.chains import CHAINS, with_chain
from tests.collector_config.collector import Collector
from tests.collector_config.intake import Intake
from tests.collector_config.test_collector_golden import sinks
from tests.programs import wait_until

SINKS = [
    "file.yaml",
    "prometheus.yaml",
    "loki.yaml",
    "victorialogs.yaml",
    "jaeger.yaml",
    "tempo.yaml",
    "otlp.yaml",
    "sentry.yaml",
]
FILES = ["base.yaml", "span-metrics.yaml", *SINKS]
NOW = str(time.time_ns())
TIMES = {"startTimeUnixNano": NOW, "timeUnixNano": NOW}

VALUES = {
    "mail": "anna.needlemail@leak.example",
    "mail in a URL": "https://x.example/u/anna.needleurl%40leak.example?a=b",
    "JWT": "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJuZWVkbGVqd3QifQ.bmVlZGxlc2lnbmF0dXJl",
    "bearer": "Authorization: Bearer needlebearer.0123456789",
    "basic": "basic bmVlZGxlOmJhc2lj",
    "URL with a password": "mongodb://lms:needledsn@127.0.0.1:27017/lms",
    "assignment": "login failed, password=needlepassword; retry",
    "JSON": '{"api_key": "needleapikey", "n": 1}',
    "JSON with a person": '{"user": {"first_name": "Needle\\"quoted", "grade": 7777777}, "n": 1}',
    "JSON in JSON": '{"text": "{\\"last_name\\": \\"Needleescaped\\"}"}',
    "AWS key": "AKIANEEDLENEEDLENEED",
    "GitHub token": "ghp_needle0123456789needle0123456789",
    "card": "card 4111 1111 1111 1111 declined",
    "IBAN": "IBAN DE44 5001 0517 5407 3249 31",
    "phone": "call +49 (0)151 2345-6789 now",
    "private key": "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYneedlekey\n-----END PRIVATE KEY-----",
}
VALUE_NEEDLES = re.split(
    r",\s+",
    """needlemail, needleurl, bmVlZGxlc2lnbmF0dXJl, eyJzdWIiOiJuZWVkbGVqd3QifQ, needlebearer,
    bmVlZGxlOmJhc2lj, needledsn, Needle\\, quoted, 7777777, Needleescaped,
    needlepassword, needleapikey, AKIANEEDLE, needle0123456789,
    4111 1111, 4111111111111111, 5001 0517, 2345-6789, needlekey""",
)
KEYS = re.split(
    r",\s+",
    """password, user.password, http.request.header.cookie, http.request.header.x-forwarded-for,
    X-API-Key, access_token, token, client_secret, email, user.name, first_name, lastname,
    phone_number, date_of_birth, client.address, network.peer.address, url.query, quiz.answer,
    course.grade, iban""",
)


class Plants:
    """Generates one unique address per place, so that a leak shows where it came from."""

    def __init__(self) -> None:
        self.needles = list(VALUE_NEEDLES)

    def mail(self, place: str) -> str:
        """Returns an address that occurs only in that place."""
        needle = f"plant-{len(self.needles)}-{place}"
        self.needles.append(needle)
        return f"{needle}@leak.example"

    def attributes(self, place: str) -> list[dict[str, Any]]:
        """Returns attributes with every kind of secret: by value, by key, nested, as a number, in a key."""
        text = [
            {"key": f"note.{index}", "value": {"stringValue": value}}
            for index, value in enumerate(VALUES.values())
        ]
        by_key = [
            {"key": key, "value": {"stringValue": self.mail(f"key-{place}").split("@")[0]}} for key in KEYS
        ]
        text_in_map = {"key": "deep", "value": {"stringValue": self.mail(f"map-{place}")}}
        keys = [
            {"key": key, "value": {"stringValue": self.mail(f"inner-{place}").split("@")[0]}} for key in KEYS
        ]
        inner = {"values": [text_in_map, {"key": self.mail(f"deep-key-{place}"), "value": {"intValue": "1"}}]}
        items = {"values": [{"stringValue": self.mail(f"list-{place}")}, {"kvlistValue": inner}]}
        return [
            *text,
            *by_key,
            {"key": "nested.map", "value": {"kvlistValue": inner}},
            {"key": "nested.keys", "value": {"kvlistValue": {"values": keys}}},
            {"key": "nested.list", "value": {"arrayValue": items}},
            {"key": "number", "value": {"intValue": "4111111111111111"}},
            {"key": self.mail(f"in-key-{place}"), "value": {"intValue": "1"}},
        ]

    def wrap(self, root: str, kind: str, make: Callable[[slice], dict[str, Any]]) -> dict[str, Any]:
        """Returns a payload with plants in the resource and, in halves within their bounds, in two scopes."""
        scopes = []
        for half in (slice(30), slice(30, None)):
            scope = {
                "name": self.mail("scope"),
                "version": self.mail("version"),
                "attributes": self.attributes("scope")[half],
            }
            schema = f"https://{self.mail('scope-schema')}"
            scopes.append({"scope": scope, "schemaUrl": schema, **make(half)})
        resource = {"attributes": [SERVICE, *self.attributes("resource")]}
        return {root: [{"resource": resource, "schemaUrl": f"https://{self.mail('schema')}", kind: scopes}]}


SERVICE = {"key": "service.name", "value": {"stringValue": "planted"}}


def _traces(plants: Plants) -> dict[str, Any]:
    def span(index: int, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        return {
            "traceId": "0af7651916cd43dd8448eb211c80319c",
            "spanId": f"{index:016x}",
            "name": f"GET /users/{plants.mail('span-name')}",
            "kind": 2,
            "startTimeUnixNano": NOW,
            "endTimeUnixNano": NOW,
            "traceState": f"vendor={plants.mail('state')}",
            "status": {"code": 2, "message": plants.mail("status")},
            "attributes": plants.attributes("span"),
            **fields,
        }

    event = {
        "timeUnixNano": NOW,
        "name": plants.mail("event"),
        "attributes": plants.attributes("event"),
    }
    link = {"traceId": "1" * 32, "spanId": "1" * 16, "traceState": f"v={plants.mail('link-state')}"}
    links = [{**link, "attributes": plants.attributes("link")}]
    return plants.wrap(
        "resourceSpans",
        "scopeSpans",
        lambda _half: {"spans": [span(1), span(2, events=[event]), span(3, links=links)]},
    )


def _metrics(plants: Plants, half: slice) -> dict[str, Any]:
    def point(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        return {**TIMES, "attributes": plants.attributes("label")[half], **fields}

    exemplar = {"timeUnixNano": NOW, "asDouble": 1.5, "spanId": "1" * 16, "traceId": "1" * 32}
    exemplars = [{**exemplar, "filteredAttributes": plants.attributes("exemplar")}]
    buckets = {"count": "1", "sum": 1.5, "bucketCounts": ["0", "1"], "explicitBounds": [1]}
    powers = {"count": "1", "sum": 1.5, "scale": 0, "positive": {"bucketCounts": ["1"]}}
    kinds = {
        "gauge": {"dataPoints": [point(asDouble=1.5), point(asInt="2", exemplars=exemplars)]},
        "sum": {
            "aggregationTemporality": 2,
            "isMonotonic": True,
            "dataPoints": [point(asInt="1", exemplars=exemplars)],
        },
        "histogram": {"aggregationTemporality": 2, "dataPoints": [point(**buckets, exemplars=exemplars)]},
        "exponentialHistogram": {
            "aggregationTemporality": 2,
            "dataPoints": [point(**powers, exemplars=exemplars)],
        },
        "summary": {"dataPoints": [point(count="1", sum=1.5)]},
    }
    described = [
        {
            "name": f"planted.{kind}",
            "description": f"ask {plants.mail('description')}",
            "unit": "1",
            kind: data,
            "metadata": plants.attributes("metadata"),
        }
        for kind, data in kinds.items()
    ]
    named = [
        {"name": plants.mail("metric-name"), "gauge": {"dataPoints": [point(asDouble=1.5)]}},
        {"name": "planted.unit", "unit": plants.mail("unit"), "gauge": {"dataPoints": [point(asDouble=1.5)]}},
    ]
    return {"metrics": [*described, *named]}


def _logs(plants: Plants) -> dict[str, Any]:
    secret = plants.mail("body-bytes").encode()
    plants.needles.append(base64.b64encode(secret).decode())
    bodies: list[dict[str, Any]] = [{"stringValue": value} for value in VALUES.values()]
    bodies += [
        {"stringValue": f"welcome {plants.mail('body')}"},
        {"kvlistValue": {"values": plants.attributes("body-map")}},
        {"arrayValue": {"values": [{"stringValue": plants.mail("body-list")}]}},
        {"bytesValue": base64.b64encode(secret).decode()},
        {"intValue": "4111111111111111"},
    ]
    records = [
        {
            "timeUnixNano": NOW,
            "severityNumber": 17,
            "severityText": plants.mail("severity"),
            "eventName": plants.mail("event-name"),
            "body": body,
            "attributes": plants.attributes("log"),
        }
        for body in bodies
    ]
    return plants.wrap("resourceLogs", "scopeLogs", lambda _half: {"logRecords": records})


@pytest.fixture(name="server")
def _server() -> Iterator[Intake]:
    with intake.listening() as server:
        yield server


def _everything(running: Collector, server: Intake) -> dict[str, str]:
    """Returns everything that the Collector exported or wrote, by place."""
    names = {"prometheus", "loki", "victorialogs", "jaeger", "tempo", "next", "sentry"}
    sent = {
        f"{sink} {signal}": json.dumps(server.payload(sink, signal), ensure_ascii=False)
        for sink in names
        for signal in otlp_json.ROOTS
    }
    disk = {
        str(path.relative_to(running.folder)): path.read_bytes().decode("latin-1")
        for path in running.folder.rglob("*")
        if path.is_file()
    }
    return {place: text for place, text in {**sent, **disk}.items() if text}


@pytest.mark.parametrize("chain", CHAINS)
def test_planted_secrets_are_found_nowhere(chain: str, server: Intake, tmp_path: Path) -> None:
    plants = Plants()
    metrics = plants.wrap("resourceMetrics", "scopeMetrics", lambda half: _metrics(plants, half))
    payloads = {"traces": _traces(plants), "metrics": metrics, "logs": _logs(plants)}
    variables = {**sinks(server, tmp_path), "SPAN_METRICS_INTERVAL": "1s"}
    with collector.running(with_chain(chain, FILES), tmp_path, **variables) as running:
        for signal, payload in payloads.items():
            response = running.send(signal, payload)
            assert response.status_code == 200, response.text
        for sink, signal, count in [
            *((sink, "traces", 4) for sink in ("jaeger", "tempo", "next", "sentry")),
            *((sink, "metrics", 12) for sink in ("prometheus", "next")),
            *((sink, "logs", 2 * len(VALUES) + 10) for sink in ("loki", "victorialogs", "next", "sentry")),
        ]:
            server.wait_for_items(sink, signal, count)
        wait_until(
            lambda: "traces.span.metrics.calls" in otlp_json.names(server.payload("prometheus", "metrics")),
            "span metrics arrive",
        )
        assert running.metric("otelcol_processor_filter_spans_filtered_total", filter="filter/links") == 2
        assert (
            running.metric("otelcol_processor_filter_datapoints_filtered_total", filter="filter/names") == 4
        )
        assert running.stop() == 0
    found = _everything(running, server)
    assert {"jaeger traces", "prometheus metrics", "loki logs", "files/logs.jsonl"} <= set(found)
    leaks = {place: [needle for needle in plants.needles if needle in text] for place, text in found.items()}
    assert not {place: needles for place, needles in leaks.items() if needles}
    assert all("****" in text for place, text in found.items() if place.startswith("files/"))


def test_the_plants_arrive_without_redaction(server: Intake, tmp_path: Path) -> None:
    """Proves that the search above can fail: without the masking processors it finds the plants."""
    plants = Plants()
    fragment = tmp_path / "unmasked.yaml"
    fragment.write_text("processors: {redaction: {blocked_key_patterns: [], blocked_values: []}}\n")
    files = [FRAGMENTS / "base.yaml", FRAGMENTS / "loki.yaml", fragment]
    with collector.running(files, tmp_path, **sinks(server, tmp_path)) as running:
        assert running.send("logs", _logs(plants)).status_code == 200
        server.wait_for_items("loki", "logs", 2 * len(VALUES) + 10)
    text = json.dumps(server.payload("loki", "logs"), ensure_ascii=False)
    assert {"needlemail", "4111 1111", "needlepassword"} <= {
        needle for needle in plants.needles if needle in text
    }
