from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from app.http.problems import MEDIA_TYPE
from tests.app.people import PASSWORD, Api


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


async def test_every_reference_resolves(schema: dict[str, Any]) -> None:
    known = {f"#/components/schemas/{name}" for name in schema["components"]["schemas"]}
    assert set(references(schema)) <= known


async def test_errors_are_problems_everywhere(schema: dict[str, Any]) -> None:
    for name, operation in operations(schema):
        for status, response in operation["responses"].items():
            if int(status) < 400 or (status == "503" and "health" in str(operation["tags"])):
                continue
            assert MEDIA_TYPE in response["content"], f"{name} {status}"
            assert response["content"][MEDIA_TYPE]["examples"], f"{name} {status}"
            assert "application/json" not in response["content"], f"{name} {status}"


async def test_an_operations_own_description_of_an_error_is_kept(schema: dict[str, Any]) -> None:
    not_ready = schema["paths"]["/readyz"]["get"]["responses"]["503"]["content"]
    assert not_ready["application/health+json"]["schema"]["$ref"].endswith("/Health")
    assert MEDIA_TYPE in not_ready


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


def says_enough(part: dict[str, Any]) -> bool:
    """Tells whether a value's schema shows what it looks like, by an example or by allowing little else."""
    if {"examples", "default", "enum", "const", "$ref"} & part.keys():
        return True
    if part.get("type") in {"boolean", "null"} or part.get("format") == "date-time":
        return True
    inner = part.get("anyOf") or [part[key] for key in ("items", "additionalProperties") if key in part]
    return bool(inner) and all(says_enough(each) for each in inner)


async def test_every_field_and_parameter_has_an_example(schema: dict[str, Any]) -> None:
    schemas = schema["components"]["schemas"]
    fields = {
        f"{model}.{name}": field
        for model, described in schemas.items()
        for name, field in described.get("properties", {}).items()
        if model != "Problem"  # a whole one is the example of each error response
    }
    parameters = {
        f"{operation} {parameter['name']}": {**parameter["schema"], **parameter}
        for operation, described in operations(schema)
        for parameter in described.get("parameters", [])
    }
    assert len(fields) > 80
    assert len(parameters) > 20
    silent = {name for name, part in (fields | parameters).items() if not says_enough(part)}
    assert silent == set()


async def test_every_success_says_what_it_returns(schema: dict[str, Any]) -> None:
    for name, operation in operations(schema):
        for status, response in operation["responses"].items():
            if status.startswith("2") and status != "204":
                contents = list(response["content"].values())
                assert contents, f"{name} {status}"
                assert all(each.get("schema") or each.get("example") for each in contents), f"{name} {status}"


async def test_every_tag_is_described(schema: dict[str, Any]) -> None:
    described = {tag["name"] for tag in schema["tags"] if tag["description"]}
    assert {tag for _, operation in operations(schema) for tag in operation["tags"]} <= described


BAD: Final[tuple[dict[str, Any], ...]] = (
    {"headers": {}},
    {"headers": {"Authorization": "Bearer no.such.token"}},
    {"content": b'{"a": "\xff"}', "headers": {"Content-Type": "application/json"}},
    {"content": b"{", "headers": {"Content-Type": "application/json"}},
    {"content": b"[" * 100_000, "headers": {"Content-Type": "application/json"}},
    {"json": {}},
    {"json": ["\x00"]},
)


@pytest.mark.parametrize("number", range(len(BAD)))
async def test_an_operation_answers_what_it_describes(number: int, api: Api, schema: dict[str, Any]) -> None:
    seen = set()
    for name, operation in operations(schema):
        method, _, path = name.partition(" ")
        path = path.replace("{", "").replace("}", "")
        answer = await api.client.request(method, f"http://lms.test{path}", **BAD[number])
        assert str(answer.status_code) in operation["responses"], f"{name}: {answer.text}"
        assert answer.headers["content-type"] in operation["responses"][str(answer.status_code)].get(
            "content", {}
        )
        seen.add(answer.status_code)
    assert seen & {400, 401, 422}


async def test_no_cache_stores_a_token(api: Api, schema: dict[str, Any]) -> None:
    person = await api.student()
    bodies = {
        "/api/v1/auth/login": {"email": person.email, "password": PASSWORD},
        "/api/v1/auth/refresh": {"refresh_token": person.refresh},
    }
    giving = {
        path
        for path, methods in schema["paths"].items()
        if "#/components/schemas/TokenPair" in references([each["responses"] for each in methods.values()])
    }
    assert giving == set(bodies)
    for path, body in bodies.items():
        answer = await api.client.post(f"http://lms.test{path}", json=body)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
