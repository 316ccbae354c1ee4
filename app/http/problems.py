"""Error bodies in the form of RFC 9457; this is the only place that renders them."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from opentelemetry import trace
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from app.core.errors import LmsError
from otel import current_request

MEDIA_TYPE: Final = "application/problem+json"
CATALOGUE_PATH: Final = "/api/v1/problems"
SCHEMA_REF: Final = {"$ref": "#/components/schemas/Problem"}


class ProblemField(BaseModel):
    """An invalid field."""

    field: str = Field(
        description="Dotted path of the field; it starts with where the field was sent.",
        examples=["body.email"],
    )
    message: str = Field(description="What is wrong with it.", examples=["Field required"])
    code: str = Field(description="Stable name of the kind of mistake.", examples=["missing"])


class Problem(BaseModel):
    """Why a request was refused (RFC 9457). Use `trace_id` and `request_id` to find it in telemetry."""

    type: str = Field(description="Where this kind of problem is described.")
    title: str = Field(description="What kind of problem it is; always the same for a code.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened this time, and what to do.")
    instance: str = Field(description="The path that was requested.")
    code: str = Field(description="Stable name of the kind of problem.")
    trace_id: str | None = Field(description="Identifier of the request's trace.")
    request_id: str | None = Field(description="Identifier of the request, as in X-Request-ID.")
    errors: list[ProblemField] = Field(description="The invalid fields, if any.")
    violated_policies: list[str] | None = Field(
        default=None,
        serialization_alias="violated-policies",
        description="The rate limits that were exceeded; only with status 429.",
        examples=[["login-address"]],
    )

    def content(self) -> dict[str, Any]:
        """Returns the members of the JSON object."""
        without = None if self.violated_policies else {"violated_policies"}
        return self.model_dump(by_alias=True, exclude=without)


class ProblemResponse(JSONResponse):
    """A response with a problem as its body."""

    media_type = MEDIA_TYPE


def problem(error: LmsError, *, instance: str, headers: Mapping[str, str] | None = None) -> Response:
    """Returns ``error`` as the response to the path ``instance``; records its code on the current span."""
    trace.get_current_span().set_attribute("lms.problem.code", error.code)
    return ProblemResponse(
        body(error, instance=instance).content(),
        status_code=error.status,
        headers={**error.headers, **(headers or {})},
    )


def body(error: LmsError, *, instance: str) -> Problem:
    """Returns the body for ``error``, with the identifiers of the current request."""
    request = current_request()
    return Problem(
        type=error.kind or f"{CATALOGUE_PATH}#{error.code}",
        title=error.title,
        status=error.status,
        detail=error.detail,
        instance=instance,
        code=error.code,
        trace_id=request.trace_id if request else None,
        request_id=request.request_id if request else None,
        errors=[ProblemField(field=e.field, message=e.message, code=e.code) for e in error.errors],
        violated_policies=list(error.violated) or None,
    )


def render_unhandled(scope: Scope, error: Exception) -> Response:
    """Returns the response to a request that failed unexpectedly; it reveals nothing about the error."""
    return problem(error if isinstance(error, LmsError) else LmsError(), instance=scope["path"])


def refusals(*kinds: type[LmsError]) -> dict[int | str, dict[str, Any]]:
    """Returns FastAPI's ``responses`` for an operation with these refusals, with an example of each."""
    documented: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        response = documented.setdefault(kind.status, _empty_response(kind.status))
        response["content"][MEDIA_TYPE]["examples"][kind.code] = {
            "summary": kind.title,
            "value": example(kind),
        }
    return documented


def _empty_response(status: int) -> dict[str, Any]:
    return {
        "description": HTTPStatus(status).phrase,
        "content": {MEDIA_TYPE: {"schema": SCHEMA_REF, "examples": {}}},
    }


def example(kind: type[LmsError]) -> dict[str, Any]:
    """Returns a sample body of one kind of problem."""
    sample = body(kind.sample(), instance="/api/v1/…").content()
    identifiers = {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "request_id": "req-7d1f0c"}
    return {**sample, **identifiers}


class ProblemKind(BaseModel):
    """One kind of problem that this API returns."""

    code: str = Field(examples=["course_full"])
    status: int = Field(examples=[409])
    title: str = Field(examples=["Course is full"])
    meaning: str = Field(examples=["Every seat is taken."])


def catalogue() -> list[ProblemKind]:
    """Returns every kind of problem, by code; ``type`` points here."""
    kinds = {LmsError.code: LmsError}
    pending = [LmsError]
    while pending:
        found = pending.pop().__subclasses__()
        kinds.update({kind.code: kind for kind in found})
        pending.extend(found)
    return [
        ProblemKind(code=code, status=kind.status, title=kind.title, meaning=_first_line(kind))
        for code, kind in sorted(kinds.items())
    ]


def _first_line(kind: type[LmsError]) -> str:
    return (kind.__doc__ or kind.title).strip().splitlines()[0]
