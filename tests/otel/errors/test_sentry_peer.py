"""Our error boundary against sentry-sdk's stock integrations: as detailed, without secrets, at no cost."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
from collections import Counter
from types import FrameType
from typing import Any

import pytest

import otel
from otel.testing import capture_telemetry
from tests.otel.asgi import request
from tests.otel.conftest import Configure
from tests.otel.receiver import receiver
from tests.otel.sentry_peer import PATH, REQUEST, SECRETS, build

Event = dict[str, Any]


@pytest.fixture(name="both", scope="module")
async def _both(redis_url: str) -> tuple[Event, Event]:
    """Returns the events of one failed request: that of the stock integrations, and ours."""
    with receiver() as other:
        command = [sys.executable, "-W", "ignore", "-m", "tests.otel.sentry_peer", redis_url, other.url]
        done = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, check=True, timeout=60
        )
        [stock] = json.loads(done.stdout.splitlines()[-1])
        with capture_telemetry() as captured:
            app = build(redis_url, other.url)
            otel.instrument(app)
            with pytest.raises(LookupError):
                await request(app, PATH, **REQUEST)
            [ours] = json.loads(json.dumps(captured.errors, default=str))
        stock["called with"], ours["called with"] = (set(headers) for headers in other.headers)
    return stock, ours


def steps(event: Event) -> list[str]:
    known = {"library": "log", "httplib": "http", "httpx": "http"}
    return [known.get(crumb["category"], crumb["category"]) for crumb in event["breadcrumbs"]["values"]]


def place(event: Event) -> tuple[str, str, int]:
    frame = event["exception"]["values"][0]["stacktrace"]["frames"][-1]
    return frame["abs_path"], frame["function"], frame["lineno"]


def test_both_report_the_same_error_at_the_same_place(both: tuple[Event, Event]) -> None:
    stock, ours = both
    assert [each["exception"]["values"][0]["type"] for each in both] == ["LookupError"] * 2
    assert place(stock) == place(ours)
    assert stock["transaction"] == "/courses/{course_id}/fail"
    assert ours["transaction"] == "POST /courses/{course_id}/fail"
    assert stock["request"]["method"] == ours["request"]["method"] == "POST"
    assert stock["contexts"]["runtime"]["version"] == ours["contexts"]["runtime"]["version"]


def test_both_report_the_same_steps(both: tuple[Event, Event]) -> None:
    stock, ours = both
    assert steps(stock) == steps(ours) == ["log", "redis", "http"]


def test_only_ours_is_grouped_by_type_and_route_and_tagged_with_request_and_course(
    both: tuple[Event, Event],
) -> None:
    stock, ours = both
    assert "fingerprint" not in stock
    assert ours["fingerprint"] == ["builtins.LookupError", "/courses/{course_id}/fail"]
    assert {"route", "request_id", "course"} <= ours["tags"].keys()
    assert not stock.get("tags")


def test_the_stock_integrations_leak_secrets_and_ours_does_not(both: tuple[Event, Event]) -> None:
    stock, ours = both
    leaked = {name for name, secret in SECRETS.items() if secret in json.dumps(stock, default=list)}
    assert leaked == set(SECRETS)
    assert [name for name, secret in SECRETS.items() if secret in json.dumps(ours, default=list)] == []


def test_ours_propagates_only_w3c_headers(both: tuple[Event, Event]) -> None:
    stock, ours = both
    propagation = {"traceparent", "tracestate", "baggage", "sentry-trace"}
    assert stock["called with"] & propagation == {"sentry-trace", "baggage"}
    assert ours["called with"] & propagation == {"traceparent"}


async def test_a_healthy_request_calls_no_function_for_error_reports(configure: Configure) -> None:
    none = dict.fromkeys(("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"), "none")
    counted = []
    for dsn in ("", "http://public@127.0.0.1:1/1"):
        telemetry = configure(**none, SENTRY_DSN=dsn)
        counted.append(await calls())
        telemetry.shutdown(1)
    assert counted[0] == counted[1]
    assert sum(counted[0].values()) > 0


async def calls() -> Counter[str]:
    """Counts the Python functions that one healthy request calls, by name."""
    counted: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            counted[frame.f_code.co_qualname] += 1

    app = build("redis://127.0.0.1:1", "http://127.0.0.1:1")
    otel.instrument(app)
    for _ in range(3):
        await request(app, "/fine")
    gc.disable()  # otherwise garbage of earlier tests may be finalized during this request
    sys.setprofile(count)
    try:
        await request(app, "/fine")
    finally:
        sys.setprofile(None)
        gc.enable()
    return counted
