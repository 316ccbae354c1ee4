"""Text that cannot be stored is refused, and its field named, in every operation that the API describes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest

from app.core.errors import MAX_FIELD_ERRORS
from tests.app.people import PASSWORD, Api
from tests.app.problems import assert_problem

NUL: Final = "a\x00b"
HALF: Final = "\ud800aaaaaaaaaaaa"

Json = dict[str, Any]
Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Field:
    """A text that an operation reads."""

    method: str
    path: str
    where: str
    place: Place
    body: object = None

    @property
    def name(self) -> str:
        return ".".join(map(str, (self.where, *self.place)))


def sample(schema: Json, part: Json) -> Any:  # noqa: ANN401 - JSON
    """Returns a value of the kind that `part` of `schema` describes."""
    if "$ref" in part:
        part = schema["components"]["schemas"][part["$ref"].rpartition("/")[2]]
    if "properties" in part:
        return {name: sample(schema, each) for name, each in part["properties"].items()}
    if "anyOf" in part:
        return sample(
            schema, {**part["anyOf"][0], **({"examples": part["examples"]} if "examples" in part else {})}
        )
    if part.get("examples"):
        return part["examples"][0]
    if part.get("type") == "array":
        return [sample(schema, part["items"])]
    return part.get("default", part.get("enum", ["text"])[0])


def texts(value: object, place: Place = ()) -> Iterator[Place]:
    if isinstance(value, str):
        yield place
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from texts(inner, (*place, name))
    if isinstance(value, list):
        for index, inner in enumerate(value):
            yield from texts(inner, (*place, index))


def with_text(value: Any, place: Place, text: str) -> Any:  # noqa: ANN401 - JSON
    """Returns a copy of `value` with `text` in one place."""
    if not place:
        return text
    copy = value.copy()
    copy[place[0]] = with_text(value[place[0]], place[1:], text)
    return copy


def fields(schema: Json) -> Iterator[Field]:
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", []):
                if parameter["in"] != "header":  # servers reject NUL there, and surrogates cannot occur
                    yield Field(method, path, parameter["in"], (parameter["name"],))
            if "requestBody" not in operation:
                continue
            (content,) = operation["requestBody"]["content"].values()
            body = sample(schema, content["schema"])
            for place in texts(body):
                yield Field(method, path, "body", place, body)


async def send(api: Api, field: Field, text: str) -> httpx.Response:
    path = field.path.replace("{", "").replace("}", "")
    options: Json = {}
    if field.where == "path":
        path = field.path.replace(f"{{{field.place[0]}}}", quote(text)).replace("{", "").replace("}", "")
    if field.where == "query":
        options["params"] = {field.place[0]: text}
    if field.where == "body":
        options["content"] = json.dumps(with_text(field.body, field.place, text))
        options["headers"] = {"Content-Type": "application/json"}
    return await api.client.request(field.method, f"http://lms.test{path}", **options)


async def test_every_text_that_is_read_may_be_refused(api: Api) -> None:
    found = list(fields(api.app.openapi()))
    assert len({(field.method, field.path) for field in found}) > 20
    assert {"body.password", "body.refresh_token", "body.lessons.0.content", "query.cursor"} <= {
        field.name for field in found
    }
    for field in found:
        if not (field.where == "body" and field.path.endswith("/alerts/webhook")):  # replaces it
            assert_problem(await send(api, field, NUL), 422, "validation_failed", field.name)
        if field.where == "body":
            assert_problem(await send(api, field, HALF), 422, "validation_failed", field.name)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b'{"email": "a@example.org", "password": "\xed\xa0\x80aaaaaaaaaaaa"}', id="in UTF-8"),
        pytest.param('{"email": "a@example.org", "password": "\\uDFFF"}'.encode("utf-16"), id="in UTF-16"),
    ],
)
async def test_a_surrogate_is_found_in_any_encoding(raw: bytes, api: Api) -> None:
    answer = await api.client.post("/auth/login", content=raw, headers={"Content-Type": "application/json"})
    assert_problem(answer, 422, "validation_failed", "body.password")


async def test_a_name_is_refused_too(api: Api) -> None:
    raw = json.dumps({"answers": {HALF: 1, "q1": 0}})
    path = "/courses/course/quizzes/quiz/submissions"
    answer = await api.client.post(path, content=raw, headers={"Content-Type": "application/json"})
    assert_problem(answer, 422, "validation_failed", "body.answers")


async def test_an_error_below_such_a_name_is_still_answered(api: Api) -> None:
    raw = json.dumps({NUL: [HALF]})
    answer = await api.client.post("/users", content=raw, headers={"Content-Type": "application/json"})
    assert_problem(answer, 422, "validation_failed", "body", "body.a\N{REPLACEMENT CHARACTER}b.0")


async def test_surrogate_pairs_are_accepted(api: Api) -> None:
    raw = json.dumps({"email": "ada@example.org", "password": PASSWORD, "name": "Ada \N{OWL}"})
    assert "\\ud83e" in raw
    answer = await api.client.post("/users", content=raw, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["name"]) == (201, "Ada \N{OWL}")


async def test_many_errors_do_not_enlarge_the_response(api: Api) -> None:
    raw = json.dumps([HALF] * 1000)
    answer = await api.client.post("/users", content=raw, headers={"Content-Type": "application/json"})
    assert len(answer.json()["errors"]) == MAX_FIELD_ERRORS
