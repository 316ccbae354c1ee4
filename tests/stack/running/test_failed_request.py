"""A failed request can be found in every store, by its request id and under one trace id."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Final

import httpx
import pytest

from tests.programs import wait_until
from tests.stack.running.learner import Person, Platform
from tests.stack.running.stores import Stores

pytestmark = pytest.mark.stack

ROUTE: Final = "/api/v1/demo/transcripts"
FAILED: Final = (
    f'http_server_request_duration_seconds_count{{http_route="{ROUTE}",http_response_status_code="500"}}'
)


@dataclass
class Failure:
    """The failed request: its sender, the response, and the counter before it."""

    request_id: str
    student: Person
    answer: httpx.Response
    counted_before: float

    @property
    def trace_id(self) -> str:
        found: str = self.answer.json()["trace_id"]
        return found


@pytest.fixture(scope="module", name="failure")
def _failure(platform: Platform, stores: Stores) -> Failure:
    request_id = f"stack-{secrets.token_hex(8)}"
    student = platform.student()
    before = stores.total(FAILED)
    answer = student.post("/demo/transcripts", request_id=request_id)
    return Failure(request_id, student, answer, before)


def test_the_answer_is_a_problem_with_both_ids(failure: Failure) -> None:
    body = failure.answer.json()
    assert failure.answer.status_code == 500
    assert failure.answer.headers["content-type"] == "application/problem+json"
    assert failure.answer.headers["x-request-id"] == failure.request_id
    assert body["request_id"] == failure.request_id
    assert failure.trace_id in failure.answer.headers["traceresponse"]


def test_the_trace_store_has_the_server_span_and_the_database_span_below_it(
    failure: Failure, stores: Stores
) -> None:
    wait_until(lambda: len(stores.spans(failure.request_id)) >= 2, "both spans are stored")
    spans = stores.spans(failure.request_id)
    servers = [each for each in spans if each.kind == "server"]
    assert [each.name for each in servers] == [f"POST {ROUTE}"]
    server = servers[0]
    assert server.trace_id == failure.trace_id
    assert server.attributes["http.response.status_code"] == 500
    assert server.attributes["user.id"] == failure.student.id
    databases = [each for each in spans if each.attributes.get("db.collection.name") == "enrollments"]
    assert databases, [each.name for each in spans]
    assert {each.trace_id for each in databases} == {failure.trace_id}
    ancestors = {each.id for each in spans if each.kind == "internal"} | {server.id}
    assert all(each.parent in ancestors for each in databases)


def test_the_log_store_has_the_access_log_and_the_error_log(failure: Failure, stores: Stores) -> None:
    def loggers() -> set[str]:
        return {each.get("logger", "") for each in stores.logs(failure.request_id)}

    wait_until(lambda: {"access", "error"} <= loggers(), "the access log and the error log are stored")
    records = stores.logs(failure.request_id)
    assert {each["trace_id"] for each in records} == {failure.trace_id}
    assert len([each for each in records if each["logger"] == "access"]) == 1
    errors = [each for each in records if each["logger"] == "error"]
    assert len(errors) == 1
    assert "TranscriptFailed" in json.dumps(errors[0])
    assert failure.student.email not in json.dumps(records)


def test_the_counter_of_its_route_rose_by_exactly_one(failure: Failure, stores: Stores) -> None:
    wait_until(lambda: stores.total(FAILED) > failure.counted_before, "the counter rises")
    wait_until(lambda: stores.total(f"{FAILED} offset 3s") > failure.counted_before, "it had time to settle")
    assert stores.total(FAILED) == failure.counted_before + 1


def test_the_error_tracker_has_one_issue_with_the_same_trace_and_no_mail_address(
    failure: Failure, stores: Stores
) -> None:
    def issues() -> list[dict[str, object]]:
        return [each for each in stores.issues() if "TranscriptFailed" in json.dumps(each)]

    wait_until(issues, "the issue is stored")
    found = issues()
    assert len(found) == 1
    events = stores.events(str(found[0]["id"]))
    mine = [each for each in events if each["tags"].get("request_id") == failure.request_id]
    assert len(mine) == 1
    assert mine[0]["contexts"]["trace"]["trace_id"] == failure.trace_id
    assert mine[0]["user"]["id"] == failure.student.id
    assert failure.student.email not in json.dumps(mine[0])
