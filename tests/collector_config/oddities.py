"""Random telemetry that looks for a difference between two chains: near secrets, odd types, too much."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

Json = dict[str, Any]
T = TypeVar("T")
START = 1795500000000000000
SECRETS = (
    "anna@example.org",
    "anna%40EXAMPLE.org",
    "a@b",
    "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.c2ln",
    "eYJhbGciOiJFZERTQSJ9.eyJz",
    "Bearer 0123456789abcdef",
    "BASIC\tdXNlcjpwYXNz",
    "basic training",
    "mongodb://lms:pass word@host",
    "redis://:p4ss@127.0.0.1",
    "passwd=x",
    "Pass\u017fwd: y",
    "pa\u017f\u017fword=kelvin",
    "api_\u212aey = z",
    "secret",
    'my "token": "abc"',
    '{"last_name": "B\\"x", "n": 1}',
    '{\\"first_name\\": \\"Anna\\"}',
    '"grade":7,',
    '{"user.name" : null}',
    '"e-mail": ["x"]',
    '"pa\u017fsword":"y"',
    "access_token=abc;",
    "sentry_key=1",
    "AKIAABCDEFGHIJKLMNOP",
    "akiaabcdefghijklmnop",
    "ghp_0123456789abcdef",
    "xoxb-0123456789abc",
    "sk-ant-0123456789",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "4111111111111111",
    "41111111111111112222",
    "378282246310005",
    "DE44 5001 0517 5407 3249 31",
    "DE44500105175407324931",
    "de44500105175407324931",
    "+49 (0)151 2345-6789",
    "+1",
    "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----",
    "2026-11-25T01:02:03.123456789Z",
    "550e8400-e29b-41d4-a716-446655440000",
)
JOINTS = (*' \n=:?/\u00e4x7"-\u017f{[\u20ac', "", "****")
KEYS = (
    "note",
    "http.route",
    "password",
    "user.password",
    "user.name",
    "enduser.id",
    "session.id",
    "client.address",
    "url.full",
    "url.query",
    "a key",
    "k\u00e4y",
    "",
    "redact.name",
    "redact.status",
    "redact.state",
    "redact.scope",
    "redact.version",
    "redact.severity",
    "redact.event",
    "service.name",
    "service.instance.id",
    "exception.message",
    "request_id",
    "event",
    "anna@example.org",
    "Quiz.Answer",
    "First_Name",
    "net.peer.ip",
    "http.request.header.X-Forwarded-For",
    "x-token",
    "tokens",
)


class Oddities:
    """Generates payloads; the same seed generates the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._count = 0

    def text(self) -> str:
        """Returns some secrets, near-secrets and separators; one in fifty is far too long."""
        parts = (self._pick(SECRETS if self._random.random() < 0.6 else JOINTS) for _ in range(self._few(4)))
        text = "".join(part + self._pick(JOINTS) for part in parts)
        if self._random.random() < 0.006:
            filler = self._pick("\u20acx")
            return text + filler * self._random.choice([300, 1_400, 5_500, 22_000]) + text
        return text

    def value(self, depth: int = 0) -> Json:
        """Returns a value of any type."""
        kinds: Sequence[Callable[[], Json]] = [
            *[lambda: {"stringValue": self.text()}] * 6,
            lambda: {"intValue": str(self._pick((0, -7, 4111111111111111, -4111111111111111, 2**63 - 1)))},
            lambda: {"doubleValue": self._pick((0.5, -1e300, 4111111111111111.0, "NaN", "Infinity"))},
            lambda: {"boolValue": True},
            lambda: {"bytesValue": base64.b64encode(self.text().encode()).decode()},
            dict,
            lambda: {"arrayValue": {"values": [self.value(depth + 1) for _ in range(self._few(3))]}},
            lambda: {"kvlistValue": {"values": self.attributes(3, depth + 1)}},
        ]
        return self._pick(kinds if depth < 4 else kinds[:9])()

    def attributes(self, most: int = 12, depth: int = 0) -> list[Json]:
        """Returns attributes, some with duplicate keys; one top-level list in thirty is far too long."""
        found = [{"key": self._pick(KEYS), "value": self.value(depth)} for _ in range(self._few(most))]
        if depth == 0 and self._random.random() < 0.03:
            found += [{"key": f"k{number % 180}", "value": {"intValue": "1"}} for number in range(200)]
            self._random.shuffle(found)
        return found

    def body(self) -> Json:
        """Returns a record's body: any value, or one at the limit of what is inspected."""
        if self._random.random() < 0.9:
            return self.value()
        brackets = self._random.choice([1997, 1998, 1999])
        deep = _boxes(self._random.choice([20, 200]))
        length = self._random.choice([65_530, 65_534, 65_535, 65_536])
        return self._pick(
            (
                {"arrayValue": {"values": [{"stringValue": "[" * (brackets - 1)}]}},
                {"arrayValue": {"values": [{"stringValue": "x" * (length - 2)}]}},
                {"stringValue": "\u20ac" * 22_000},
                {"kvlistValue": {"values": [{"key": "deep", "value": deep}]}},
            )
        )

    def traces(self, count: int) -> Json:
        """Returns a request with this many spans."""
        return self._wrapped("resourceSpans", "scopeSpans", "spans", [self._span() for _ in range(count)])

    def metrics(self, count: int) -> Json:
        """Returns a request with this many metrics of one point each."""
        metrics = [self._metric() for _ in range(count)]
        return self._wrapped("resourceMetrics", "scopeMetrics", "metrics", metrics)

    def logs(self, count: int) -> Json:
        """Returns a request with this many records."""
        records = [self._record() for _ in range(count)]
        return self._wrapped("resourceLogs", "scopeLogs", "logRecords", records)

    def _wrapped(self, root: str, kind: str, name: str, items: list[Json]) -> Json:
        urls = ("", "https://opentelemetry.io/schemas/1.40.0", f"https://{self.text()}")
        scopes = [
            {
                "scope": {"name": self.text(), "version": self.text(), "attributes": self.attributes()},
                "schemaUrl": self._pick(urls),
                name: items[start : start + 20],
            }
            for start in range(0, len(items), 20)
        ]
        return {
            root: [
                {
                    "resource": {"attributes": self.attributes()},
                    "schemaUrl": self._pick(urls),
                    kind: [scope],
                }
                for scope in scopes
            ]
        }

    def _span(self) -> Json:
        event = {"timeUnixNano": self._moment(), "name": self.text(), "attributes": self.attributes()}
        return {
            "traceId": "0af7651916cd43dd8448eb211c80319c",
            "spanId": f"{self._count:016x}",
            "name": self.text(),
            "startTimeUnixNano": self._moment(),
            "endTimeUnixNano": self._moment(),
            "traceState": self.text(),
            "status": {"code": 2, "message": self.text()},
            "attributes": self.attributes(),
            "droppedAttributesCount": self._random.choice([0, 3]),
            "events": [event] if self._random.random() < 0.3 else [],
        }

    def _metric(self) -> Json:
        exemplar = {"timeUnixNano": self._moment(), "asDouble": 1.5, "filteredAttributes": self.attributes()}
        point = {"timeUnixNano": self._moment(), "attributes": self.attributes()}
        seen = {**point, "exemplars": [exemplar]}
        counted = {"count": "1", "sum": 1.5}
        buckets = {**seen, **counted, "bucketCounts": ["0", "1"], "explicitBounds": [1]}
        powers = {**seen, **counted, "scale": 0, "positive": {"bucketCounts": ["1"]}}
        kinds: Sequence[Json] = (
            {"gauge": {"dataPoints": [{**seen, "asDouble": 1.5}]}},
            {"sum": {"aggregationTemporality": 2, "dataPoints": [{**seen, "asInt": "1"}]}},
            {"histogram": {"aggregationTemporality": 2, "dataPoints": [buckets]}},
            {"exponentialHistogram": {"aggregationTemporality": 2, "dataPoints": [powers]}},
            {"summary": {"dataPoints": [{**point, **counted}]}},
        )
        return {
            "name": f"odd.metric.{self._count}",
            "description": self.text(),
            "unit": "1",
            "metadata": self.attributes(),
            **self._pick(kinds),
        }

    def _record(self) -> Json:
        return {
            "timeUnixNano": self._moment(),
            "severityNumber": 17,
            "severityText": self.text(),
            "eventName": self.text(),
            "body": self.body(),
            "attributes": self.attributes(),
        }

    def _moment(self) -> str:
        self._count += 1
        return str(START + self._count)

    def _few(self, most: int) -> int:
        return self._random.randint(0, most)

    def _pick(self, choices: Sequence[T]) -> T:
        return self._random.choice(choices)


def _boxes(depth: int) -> Json:
    value: Json = {"stringValue": "anna@example.org"}
    for _ in range(depth):
        value = {"arrayValue": {"values": [value]}}
    return value
