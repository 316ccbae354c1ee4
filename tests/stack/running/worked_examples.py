"""The worked examples of docs/monitoring-api.md: a curl command and the answer that it gets."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any, Final

import httpx

PAGE: Final = Path(__file__).parents[3] / "docs" / "monitoring-api.md"
MORE: Final = "…"
"""In a documented answer: further fields or items that are left out."""

_SECTION: Final = re.compile(r"^### `(?P<operation>[A-Z]+ /[^`]*)`$", re.MULTILINE)
_EXAMPLE: Final = re.compile(
    r"^```sh\n(?P<command>curl .*?)```\n\nAnswers (?P<status>\d{3})"
    r"(?: `(?P<type>[^`]+)`)?[.:]\n(?:\n```(?:json|text)\n(?P<answer>.*?)```\n)?",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Example:
    """One command of the page, the status and media type that it gets, and the body."""

    operation: str
    command: str
    status: int
    media_type: str | None
    answer: str | None

    def send(self, client: httpx.Client, values: Mapping[str, str]) -> httpx.Response:
        """Sends what the command sends; a fresh machine has no curl.

        Raises:
            KeyError: The command has a variable that ``values`` lacks.
            ValueError: It has an option that is not among -X, -H and -d.
        """
        words = iter(shlex.split(Template(self.command.replace("\\\n", " ")).substitute(values))[1:])
        method, url, body = "", "", None
        headers: dict[str, str] = {}
        for word in words:
            match word:
                case "-X":
                    method = next(words)
                case "-H":
                    name, _, value = next(words).partition(": ")
                    headers[name] = value
                case "-d":
                    body = next(words)
                case _ if word.startswith("-"):
                    raise ValueError(f"{word} in {self.command}")
                case _:
                    url = word
        return client.request(method or ("POST" if body else "GET"), url, headers=headers, content=body)


def examples() -> Iterator[Example]:
    """Yields the examples of the page, in order."""
    parts = _SECTION.split(PAGE.read_text(encoding="utf-8"))[1:]
    for operation, text in zip(parts[::2], parts[1::2], strict=True):
        for found in _EXAMPLE.finditer(text):
            yield Example(operation, found["command"], int(found["status"]), found["type"], found["answer"])


def difference(documented: Any, answered: Any, path: str = "answer") -> str | None:  # noqa: ANN401 - JSON
    """Returns where two JSON values have other fields or types of values; None if nowhere.

    An object with "…" shows some of the fields that it may have, a list with "…" some of its items, if any.
    """
    if isinstance(documented, dict) and isinstance(answered, dict):
        return _fields(documented, answered, path)
    if isinstance(documented, list) and isinstance(answered, list):
        return _items(documented, answered, path)
    if documented is None or answered is None:  # a field that may be null is null in one of them
        return None
    kinds = {_kind(documented), _kind(answered)}
    return None if len(kinds) == 1 else f"{path}: {json.dumps(answered)} instead of {json.dumps(documented)}"


def _fields(documented: dict[str, Any], answered: dict[str, Any], path: str) -> str | None:
    if MORE not in documented and documented.keys() != answered.keys():
        return f"{path} has {sorted(answered)} instead of {sorted(documented)}"
    common = sorted(documented.keys() & answered.keys())
    found = (difference(documented[name], answered[name], f"{path}.{name}") for name in common)
    return next((each for each in found if each), None)


def _items(documented: list[Any], answered: list[Any], path: str) -> str | None:
    shown = [each for each in documented if each != MORE]
    if shown and not answered and MORE not in documented:
        return f"{path} is empty"
    found = (difference(shown[0], each, f"{path}[{place}]") for place, each in enumerate(answered) if shown)
    return next((each for each in found if each), None)


def lines_of(text: str) -> set[str]:
    """Returns the lines of metrics, without the samples' values."""
    return {line if line.startswith("#") else line.rpartition(" ")[0] for line in text.splitlines()}


def _kind(value: Any) -> str:  # noqa: ANN401 - JSON
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__
