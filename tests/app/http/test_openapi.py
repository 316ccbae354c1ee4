from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.http.problems import MEDIA_TYPE
from tests.app.people import Api


@pytest.fixture
async def schema(api: Api) -> dict[str, Any]:
    answer = await api.client.get("http://lms.test/openapi.json")
    found: dict[str, Any] = answer.json()
    return found


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    if isinstance(part, list):
        for value in part:
            yield from references(value)


async def test_every_reference_leads_somewhere(schema: dict[str, Any]) -> None:
    known = {f"#/components/schemas/{name}" for name in schema["components"]["schemas"]}
    assert set(references(schema)) <= known


async def test_errors_are_problems_everywhere(schema: dict[str, Any]) -> None:
    for name, operation in operations(schema):
        for status, response in operation["responses"].items():
            if int(status) < 400 or (status == "503" and "health" in str(operation["tags"])):
                continue
            assert MEDIA_TYPE in response["content"], f"{name} {status}"
            assert response["content"][MEDIA_TYPE]["examples"], f"{name} {status}"
            assert "application/json" not in response["content"] or status == "503", f"{name} {status}"


async def test_the_frameworks_own_error_body_is_gone(schema: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in str(schema)


async def test_every_operation_is_described(schema: dict[str, Any]) -> None:
    for name, operation in operations(schema):
        assert operation.get("description"), name
        assert operation.get("tags"), name
        assert {"500", "503"} <= set(operation["responses"]), name


async def test_signed_in_operations_say_so(schema: dict[str, Any]) -> None:
    for name, operation in operations(schema):
        if "401" in operation["responses"] and "/auth/" not in name:
            assert operation.get("security"), name


async def test_examples_of_a_problem_have_its_fields(schema: dict[str, Any]) -> None:
    required = set(schema["components"]["schemas"]["Problem"]["required"])
    for name, operation in operations(schema):
        for response in operation["responses"].values():
            for example in response.get("content", {}).get(MEDIA_TYPE, {}).get("examples", {}).values():
                assert required <= set(example["value"]), name


async def test_request_bodies_have_examples(schema: dict[str, Any]) -> None:
    schemas = schema["components"]["schemas"]
    for name, operation in operations(schema):
        body = operation.get("requestBody")
        if body is None:
            continue
        reference = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert "examples" in str(schemas[reference]) or "token" in str(schemas[reference]), name
