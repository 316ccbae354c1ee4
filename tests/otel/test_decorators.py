"""`@traced` and `@logged` record the arguments that are named, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from fastapi import HTTPException

import otel
from otel.testing import Captured


class Service:
    @otel.traced("service.enroll", arguments=("course_id",))
    @otel.logged("enrolling", arguments=("course_id", "seats"))
    async def enroll(self, course_id: str, password: str, *, seats: int = 3) -> str:
        if course_id == "full" or seats < 1:
            raise LookupError(password)
        return course_id


@otel.traced(arguments=("number",))
def double(number: object) -> str:
    return f"{number}{number}"


async def test_a_coroutine_has_a_span_and_a_line(captured: Captured) -> None:
    assert await Service().enroll("c1", "hunter2") == "c1"

    [span], [record] = captured.spans, captured.logs
    assert (span.name, span.status) == ("service.enroll", "UNSET")
    assert span.attributes == {"course_id": "c1", "outcome": "ok"}
    assert record.body == "enrolling"
    assert record.attributes["duration_ms"] >= 0
    assert {key: record.attributes[key] for key in ("course_id", "seats", "outcome")} == {
        "course_id": "c1", "seats": 3, "outcome": "ok"
    }  # fmt: skip
    assert (record.trace_id, record.span_id) == (span.trace_id, span.span_id)
    assert "hunter2" not in "".join(captured.lines)


async def test_an_error_is_recorded_and_raised_again(captured: Captured) -> None:
    with pytest.raises(LookupError):
        await Service().enroll(course_id="full", password="hunter2", seats=9)

    [span], [record] = captured.spans, captured.logs
    assert (span.status, span.attributes["outcome"], span.attributes["error.type"]) == (
        "ERROR", "error", "LookupError"
    )  # fmt: skip
    assert (record.severity, record.attributes["error.type"], record.attributes["seats"]) == (
        "WARN", "LookupError", 9
    )  # fmt: skip


async def test_a_refusal_is_not_an_error(captured: Captured) -> None:
    @otel.traced("enrolls")
    @otel.logged("enrolls")
    def enroll() -> None:
        raise HTTPException(409, "full")

    with pytest.raises(HTTPException):
        enroll()

    [span], [record] = captured.spans, captured.logs
    assert (span.status, span.events) == ("UNSET", ())
    assert span.attributes == {"outcome": "refused", "error.type": "HTTPException"}
    assert (record.severity, record.attributes["outcome"]) == ("INFO", "refused")


async def test_a_cancellation_is_not_an_error(captured: Captured) -> None:
    @otel.traced("waits")
    @otel.logged("waits")
    async def waits() -> None:
        await asyncio.Event().wait()

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    [span], [record] = captured.spans, captured.logs
    assert (span.status, span.attributes) == ("UNSET", {"outcome": "cancelled"})
    assert (record.severity, record.attributes["outcome"]) == ("INFO", "cancelled")


def test_a_function_keeps_its_name_and_result(captured: Captured) -> None:
    assert double(21) == "2121"
    assert double.__name__ == "double"
    assert [(span.name, span.attributes["number"]) for span in captured.spans] == [("double", 21)]


def test_a_missing_argument_is_rejected_at_decoration() -> None:
    with pytest.raises(TypeError, match="has no argument 'course'"):
        otel.traced(arguments=("course",))(double)


def test_a_generator_is_rejected() -> None:
    def generate() -> Iterator[int]:
        yield 1

    with pytest.raises(TypeError, match="generator"):
        otel.logged()(generate)
