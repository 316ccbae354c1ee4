"""The monitoring API asks the stores of the running stack: from a request id to the whole story."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.programs import wait_until
from tests.stack.running.learner import Platform

pytestmark = pytest.mark.stack


@dataclass
class Asked:
    """The monitoring API as an admin sees it, and a request that failed."""

    client: httpx.Client
    request_id: str
    trace_id: str

    def get(self, path: str, **query: str) -> dict[str, Any]:
        answer = self.client.get(f"/monitoring/{path}", params=query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        assert (found["partial"], found["missing"]) == (False, []), found["reasons"]
        return found


@pytest.fixture(scope="module", name="asked")
def _asked(platform: Platform) -> Asked:
    request_id = f"stack-{secrets.token_hex(8)}"
    failed = platform.student().post("/demo/transcripts", request_id=request_id)
    assert failed.status_code == 500
    return Asked(platform.admin().client, request_id, failed.json()["trace_id"])


def test_a_request_id_leads_to_its_log_records(asked: Asked) -> None:
    def records() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = asked.get("logs", request_id=asked.request_id, since="1h")["records"]
        return found

    wait_until(lambda: {"access", "error"} <= {each["logger"] for each in records()}, "both are stored")
    assert {each["trace_id"] for each in records()} == {asked.trace_id}
    assert {each["service"] for each in records()} == {"lms"}
    [error] = [each for each in records() if each["logger"] == "error"]
    assert error["level"] == "error"
    assert error["error"]["stacktrace"].startswith("Traceback")


def test_its_trace_is_one_timeline_of_spans_records_and_the_error(asked: Asked) -> None:
    def kinds() -> set[str]:
        answer = asked.client.get(f"/monitoring/trace/{asked.trace_id}")
        return {each["kind"] for each in answer.json().get("entries", [])}

    wait_until(lambda: kinds() == {"span", "log", "error"}, "spans, records and the error are there")
    found = asked.get(f"trace/{asked.trace_id}")
    assert (found["failed"], found["request_id"]) == (True, asked.request_id)
    assert found["name"] == "POST /api/v1/demo/transcripts"
    assert found["links"]["trace"].endswith(f"/trace/{asked.trace_id}")


def test_the_watchdog_is_among_the_alerts_and_a_silence_can_be_made_and_ended(asked: Asked) -> None:
    def fires() -> list[Any]:
        return list(asked.get("alerts", alertname="Watchdog")["alerts"])

    wait_until(fires, "the Watchdog fires")
    body = {
        "matchers": [{"name": "job", "value": secrets.token_hex(4)}],
        "comment": "A test.",
        "duration": "5m",
    }
    made = asked.client.post("/monitoring/silences", json=body)
    assert made.status_code == 201, made.text
    assert made.json()["id"] in {each["id"] for each in asked.get("silences")["silences"]}
    assert asked.client.delete(f"/monitoring/silences/{made.json()['id']}").status_code == 204
