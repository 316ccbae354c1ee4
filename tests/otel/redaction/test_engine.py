"""What the engine redacts, what it keeps, and that no text can make it slow."""

from __future__ import annotations

import base64
import json
import random
import secrets
import time
from datetime import UTC, datetime
from enum import Enum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Status, StatusCode

from otel.export.redacting import RedactingSpanExporter
from otel.redaction.checks import passes_luhn
from otel.redaction.engine import Redactor
from otel.redaction.keys import is_sensitive_key
from otel.redaction.rules import MASK

REDACTOR = Redactor(extra_keys=["Locker"])
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c3JfMSJ9.c2lnbmF0dXJl"

SECRETS = [
    pytest.param("Ask ada@school.example now", "ada@school.example", id="mail"),
    pytest.param("Ask jürgen.müller@schüle.example now", "müller", id="mail with umlauts"),
    pytest.param(f"token {JWT}!", JWT, id="jwt"),
    pytest.param("Authorization: Bearer abc.def-ghi", "abc.def-ghi", id="bearer"),
    pytest.param("authorization=Basic dXNlcjpwdw==", "dXNlcjpwdw==", id="basic"),
    pytest.param("card 4111 1111 1111 1111 ok", "4111 1111 1111 1111", id="card in groups"),
    pytest.param("card=5555555555554444", "5555555555554444", id="card"),
    pytest.param("uses ghp_abcdefghijklmnop1234", "ghp_abcdefghijklmnop1234", id="known prefix"),
    pytest.param("sent Zm9vYmFyYmF6MTIzNDU2Nzg5MA to", "Zm9vYmFyYmF6MTIzNDU2Nzg5MA", id="generated"),
    pytest.param("mongodb://lms:s3cr3t@db/lms", "s3cr3t", id="user information"),
    pytest.param("GET /reset?key=abcdef&x=1", "abcdef", id="query value"),
    pytest.param("ValueError: password=hunter2", "hunter2", id="pair behind a colon"),
    pytest.param('{"password": "hunter two"}', "hunter two", id="json"),
    pytest.param("{'secret': 'hunter two'}", "hunter two", id="python"),
    pytest.param('{\\"password\\": \\"hunter2\\"}', "hunter2", id="escaped json"),
    pytest.param("input_value='hunter2', input_type=str", "hunter2", id="pydantic"),
    pytest.param("Cookie: a=hunter2; b=hunter3", "hunter3", id="cookie header"),
    pytest.param('dup key: { email: "ada at home" }', "ada at home", id="duplicate key"),
    pytest.param('password="never closed', "never closed", id="open quote"),
]

CLEAN = [
    "enrolled",
    "GET /api/v1/courses/{course_id}/lessons/{lesson_id}",
    "0af7651916cd43dd8448eb211c80319c",
    "1f0e8c4a-5b1d-4c55-9a0e-0a4f7d0b9c1e",
    "usr_01hzy3k9m2",
    "took 1732412345678901234 ns, 1234567890123456 times",
    "opentelemetry.instrumentation.asgi.OpenTelemetryMiddleware",
    '  File "/usr/lib/python3.11/site-packages/starlette/middleware/exceptions.py", line 63, in __call__',
    "2026-01-05T09:00:00.123456+00:00",
    "http://127.0.0.1:4318/v1/traces",
    "token_type: bearer",
]


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_a_secret_in_a_text_is_replaced(text: str, secret: str) -> None:
    assert secret not in REDACTOR.text(text)
    assert MASK in REDACTOR.text(text)


@pytest.mark.parametrize("text", CLEAN)
def test_a_clean_text_is_returned_unchanged(text: str) -> None:
    assert REDACTOR.text(text) == text
    assert REDACTOR.text(text) is text


@pytest.mark.parametrize(
    "key",
    ["password", "newPassword", "user_password", "access_token", "X-API-Key", "Authorization", "set-cookie",
     "user.email", "fullName", "clientSecret", "LOCKER", "db.password"],
)  # fmt: skip
def test_a_sensitive_key_masks_its_value(key: str) -> None:
    assert REDACTOR.value(key, "Ada") == MASK


@pytest.mark.parametrize(
    "key", ["token_type", "session.id", "user.id", "tokens_remaining", "course_id", "author", "tokenizer"]
)
def test_a_harmless_key_masks_nothing(key: str) -> None:
    assert not is_sensitive_key(key)


def test_values_are_redacted_at_any_depth_and_become_json() -> None:
    class Color(Enum):
        RED = "red"

    value = {
        "list": [{"password": "x", "ok": 1.5}, ("ada@school.example",), {3}],
        "bytes": b"abc",
        "when": datetime(2026, 1, 5, tzinfo=UTC),
        "color": Color.RED,
        "nan": float("nan"),
        "none": None,
        "flag": {"password": True},
        "ada@school.example": 1,
    }
    assert json.loads(json.dumps(REDACTOR.mapping(value))) == {
        "list": [{"password": MASK, "ok": 1.5}, [MASK], [3]],
        "bytes": "<3 bytes>",
        "when": "2026-01-05T00:00:00+00:00",
        "color": "red",
        "nan": "nan",
        "none": None,
        "flag": {"password": True},
        MASK: 1,
    }


def test_a_value_that_contains_itself_is_cut() -> None:
    loop: dict[str, object] = {}
    loop["again"] = loop
    assert "cut" in json.dumps(REDACTOR.mapping(loop))


def test_an_object_that_cannot_be_rendered_is_named() -> None:
    class Broken:
        def __str__(self) -> str:
            raise ValueError

    assert str(REDACTOR.value("thing", Broken())).startswith("<unprintable ")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60), st.integers(0, 2**32))
def test_a_generated_secret_is_masked_in_any_surrounding(before: str, after: str, seed: int) -> None:
    source = random.Random(seed)  # noqa: S311 - repeatable
    body = base64.urlsafe_b64encode(source.randbytes(30)).decode().rstrip("=")
    jwt = f"eyJhbGciOiJIUzI1NiJ9.eyJ{body}.{body}"
    for secret in (jwt, f"{body[:8]}@school.example"):
        assert secret not in REDACTOR.text(f"{before} {secret} {after}")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400))
def test_redacting_any_text_is_idempotent(text: str) -> None:
    once = REDACTOR.text(text)
    assert REDACTOR.text(once) == once


def test_nine_in_ten_random_numbers_are_not_cards() -> None:
    source = random.Random(3)  # noqa: S311 - repeatable
    numbers = [str(source.randrange(10**15, 10**16)) for _ in range(2000)]
    assert 0.05 < sum(map(passes_luhn, numbers)) / len(numbers) < 0.15


HOSTILE = [
    "a",
    "a@",
    "1 ",
    'a="',
    "?a=",
    "eyJ",
    "cookie:",
    "a.",
    "://",
    "=",
    "a:",
    "'",
    "\\",
    "Bearer ",
    "é@",
    "%25",
    "+1 ",
    "00 1",
    "-----BEGIN A-----",
    "- ",
    "DE12 ABCD ",
    "4111 ",
    "token_a",
    "password=[",
    'password=\\\\"',
    "('password', '",
    'authorization: a="',
    "dXNlcjpw",
    "A\n",
]


@pytest.mark.parametrize("part", HOSTILE)
def test_time_grows_linearly_with_the_text(part: str) -> None:
    def seconds(length: int) -> float:
        text = part * (length // len(part))
        started = time.thread_time()
        for _ in range(3):
            REDACTOR.text(text)
        return time.thread_time() - started

    seconds(2000)
    short, long = min(seconds(4000) for _ in range(3)), min(seconds(32_000) for _ in range(3))
    assert long < 0.02 + short * 8 * 4  # eight times the text; a square would be 64 times


def test_spans_of_other_libraries_are_redacted_on_export() -> None:
    sink, token = InMemorySpanExporter(), secrets.token_urlsafe(30) + "aA11"
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(RedactingSpanExporter(sink, REDACTOR)))
    with provider.get_tracer("library").start_as_current_span(f"call {token}") as span:
        span.set_attributes({"url.full": f"http://u:{token}@h/p?k={token}", "list": ["ok", token], "n": 1})
        span.add_event("event", {"password": "hunter2"})
        span.record_exception(ValueError(f"password={token}"))
        span.set_status(Status(StatusCode.ERROR, f"token {token}"))
    with provider.get_tracer("library").start_as_current_span("clean", attributes={"a": ("b",)}):
        pass

    dirty, clean = sink.get_finished_spans()
    assert token not in dirty.to_json()
    assert "hunter2" not in dirty.to_json()
    assert dict(dirty.attributes or {})["n"] == 1
    assert clean.attributes == {"a": ("b",)}
    provider.shutdown()


def test_a_value_that_is_clean_under_one_key_is_masked_under_a_sensitive_one() -> None:
    redactor = Redactor()

    assert redactor.value("course", "algebra") == "algebra"
    assert redactor.value("password", "algebra") == MASK
    assert redactor.value("course", "algebra") == "algebra"
    assert redactor.value("url.query", "q=algebra") == f"q={MASK}"
    assert redactor.value("course", "q=algebra") == "q=algebra"
    assert redactor.value("url.query", "debug&page=2") == f"debug&page={MASK}"
    assert redactor.value("url.query", "abcdefghijklmnopq") == MASK
    assert redactor.url("https://lms.example/reset?abcdefghijklmnopq") == f"https://lms.example/reset?{MASK}"
