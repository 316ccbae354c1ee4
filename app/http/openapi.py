"""The API's description, with the errors that operations share added in one place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.types import Receive, Scope, Send

from app.core.errors import (
    BadRequest,
    BodyTooLarge,
    DatabaseUnavailable,
    HeadersTooLarge,
    Invalid,
    LmsError,
    QuotaExceeded,
    RequestTimeout,
    TokenExpired,
    TokenInvalid,
    TokenRevoked,
)
from app.http.client_address import ClientAddresses
from app.http.problems import Problem, ProblemField, refusals

_FRAMEWORK_SCHEMAS: Final = ("HTTPValidationError", "ValidationError")
_FRAMEWORK_TYPE: Final = "application/json"
_QUOTA_HEADERS: Final = {
    "Retry-After": {
        "description": "Seconds until the request may be repeated.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "RateLimit-Policy": {
        "description": "The limits that apply: `q` requests in `w` seconds each.",
        "schema": {"type": "string", "examples": ['"login-address";q=20;w=60']},
    },
    "RateLimit": {
        "description": "What is left of each: `r` requests, until `t` seconds from now.",
        "schema": {"type": "string", "examples": ['"login-address";r=0;t=30']},
    },
}
_METHODS: Final = frozenset({"get", "put", "post", "patch", "delete"})


class ProblemApi(FastAPI):
    """A FastAPI application that describes its errors as problem bodies.

    Everything inside sees the client's address instead of the proxy's, telemetry included.
    """

    def __init__(self, addresses: ClientAddresses, **options: Any) -> None:  # noqa: ANN401 - FastAPI's own
        super().__init__(**options)
        self._addresses = addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection of the ASGI protocol."""
        if scope["type"] == "http":
            self._addresses.settle(scope)
        await super().__call__(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """Returns the API's description (OpenAPI 3.1)."""
        if self.openapi_schema is None:
            self.openapi_schema = _described(self)
        return self.openapi_schema


def _described(app: FastAPI) -> dict[str, Any]:
    schema = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    for framework in _FRAMEWORK_SCHEMAS:
        schemas.pop(framework, None)
    for model in (ProblemField, Problem):
        described = model.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
        described.pop("$defs", None)
        schemas[model.__name__] = described
    for operation in _operations(schema):
        _describe_errors(operation)
    return schema


def _operations(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in schema["paths"].values():
        yield from (operation for method, operation in path.items() if method in _METHODS)


def _describe_errors(operation: dict[str, Any]) -> None:
    """Adds the errors that any operation may return; keeps those that the operation describes itself."""
    responses = operation["responses"]
    kinds: list[type[LmsError]] = [HeadersTooLarge, RequestTimeout, DatabaseUnavailable, LmsError]
    if "health" not in operation["tags"]:
        kinds.append(QuotaExceeded)
    if "requestBody" in operation:
        kinds += (BadRequest, BodyTooLarge)
    if "security" in operation:  # a token that is sent must be valid, even where none is needed
        kinds += (TokenInvalid, TokenExpired, TokenRevoked)
    if "422" in responses:
        kinds.append(Invalid)
    for status, response in refusals(*kinds).items():
        known = responses.get(str(status), {}).get("content", {})
        for media_type, content in response["content"].items():
            content["examples"].update(known.get(media_type, {}).get("examples", {}))
        # Plain JSON here is the framework's own error body.
        ours = {media_type: content for media_type, content in known.items() if media_type != _FRAMEWORK_TYPE}
        response["content"] = {**ours, **response["content"]}
        responses[str(status)] = response
    if str(QuotaExceeded.status) in responses:
        responses[str(QuotaExceeded.status)]["headers"] = _QUOTA_HEADERS
