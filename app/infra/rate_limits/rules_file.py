"""Reads the rules file; a mistake in it becomes one sentence with line, field and fix."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from app.infra.rate_limits.conflicts import Mistake, Place, RouteTable, first_mistake
from app.infra.rate_limits.rules import Rule, RulesFile

SHIPPED: Final = Path(__file__).parents[2] / "rate-limits.yml"
_MOST_BYTES: Final = 262_144
_SHOWN: Final = 40


class RulesInvalid(Exception):  # noqa: N818 - a verdict on a file
    """The rules file cannot be used; the text is one sentence that names line, field and fix."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Valid rules; ``version`` is the first digits of their file's SHA-256."""

    rules: tuple[Rule, ...]
    version: str


@dataclass(frozen=True, slots=True)
class RulesSource:
    """Where rules come from: a file, which must fit the application's routes."""

    path: Path
    table: RouteTable

    def read(self) -> Rules:
        """Returns the file's rules.

        Raises:
            RulesInvalid: It cannot be read, has a mistake, or does not fit the routes.
        """
        return self.parse(self.text())

    def text(self) -> bytes:
        """Returns what the file contains.

        Raises:
            RulesInvalid: It cannot be read, or is too long.
        """
        return _text(self.path)

    def parse(self, text: bytes) -> Rules:
        """Returns the rules in what the file contains.

        Raises:
            RulesInvalid: It has a mistake, or does not fit the routes.
        """
        return parse_rules(text, self.path.name, self.table)


def rules_source(path: Path | None, table: RouteTable) -> RulesSource:
    """Returns the rules of a file, or of the one that comes with the platform."""
    return RulesSource(path or SHIPPED, table)


def _text(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            found = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise RulesInvalid(f"{path} cannot be read ({error.strerror}); check LMS_RATE_LIMITS.") from error
    if len(found) > _MOST_BYTES:
        raise RulesInvalid(f"{path.name} has more than {_MOST_BYTES} bytes; remove rules that repeat others.")
    return found


def parse_rules(text: bytes, name: str, table: RouteTable) -> Rules:
    """Returns the rules that ``text`` has; ``name`` is for the sentence.

    Raises:
        RulesInvalid: It has a mistake.
    """
    document, content = _document(text, name)
    lines = dict(_lines(document, ()))
    try:
        rules = tuple(RulesFile.model_validate(content).rules)
    except ValidationError as error:
        raise RulesInvalid(_sentence(name, lines, _mistake(error), content)) from error
    mistake = first_mistake(rules, table)
    if mistake is not None:
        raise RulesInvalid(_sentence(name, lines, mistake, content))
    return Rules(rules, hashlib.sha256(text).hexdigest()[:12])


class _Loader(yaml.SafeLoader):
    """Reads YAML without aliases: a few lines of them can stand for gigabytes, or for themselves."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # it has no types
            raise yaml.MarkedYAMLError(problem="aliases are not read", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - as the original's
        """Returns the value of a node; the library lets errors of `int`, `float` and `datetime` escape."""
        try:
            return super().construct_object(node, deep)
        except (yaml.YAMLError, RecursionError):
            raise
        except Exception as error:  # of any kind, such as AttributeError for a bad timestamp
            kind = node.tag.rpartition(":")[2]
            raise yaml.MarkedYAMLError(
                problem=f"{str(node.value)[:_SHOWN]!r} is no {kind}", problem_mark=node.start_mark
            ) from error

    @classmethod
    def content(cls, document: yaml.Node | None) -> Any:  # noqa: ANN401 - whatever a file contains
        return None if document is None else cls("").construct_document(document)


def _document(text: bytes, name: str) -> tuple[yaml.MappingNode, Any]:
    """Returns the file's mapping, as nodes that know their lines and as values."""
    try:
        document = yaml.compose(text, Loader=_Loader)
        content = _Loader.content(document)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" line {mark.line + 1}" if mark else ""
        problem = " ".join(str(error.problem).split())
        raise RulesInvalid(f"{name}{where}: not YAML: {problem}; correct the line.") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise RulesInvalid(f"{name}: not YAML ({type(error).__name__}); write UTF-8 text.") from error
    if not isinstance(document, yaml.MappingNode):
        raise RulesInvalid(f"{name} line 1: rules is missing; begin with `rules:` and a list of rules.")
    twice = next(_repeated_keys(document), None)
    if twice is not None:
        line = twice.start_mark.line + 1
        raise RulesInvalid(f"{name} line {line}: {twice.value} is there twice; remove one of them.")
    return document, content


def _repeated_keys(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    for pair in _pairs(node):
        yield from _repeated_keys(pair[1])
    keys: set[object] = set()
    for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        if key.value in keys:
            yield key
        keys.add(key.value)  # a scalar, because a value was made of it


def _pairs(node: yaml.Node) -> Iterator[tuple[Any, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        yield from ((key.value, value) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        yield from enumerate(node.value)


def _lines(node: yaml.Node, place: Place) -> Iterator[tuple[Place, int]]:
    """Yields the line of every field: that of its key, or of a list's item."""
    yield place, node.start_mark.line + 1
    keys = {key.value: key.start_mark.line + 1 for key, _ in node.value} if _is_mapping(node) else {}
    for part, value in _pairs(node):
        if not isinstance(part, str | int):
            continue
        yield from _lines(value, (*place, part))
        yield (*place, part), keys.get(part, value.start_mark.line + 1)


def _is_mapping(node: yaml.Node) -> bool:
    return isinstance(node, yaml.MappingNode) and all(isinstance(key.value, str) for key, _ in node.value)


def _mistake(error: ValidationError) -> Mistake:
    first = error.errors(include_url=False)[0]
    place = tuple(first["loc"])
    if first["type"] == "extra_forbidden":
        known = "rules" if len(place) == 1 else "only the fields of app/rate-limits.schema.json"
        return Mistake(place, f"is not a field; remove it or correct its name (known: {known})")
    if first["type"] == "missing":
        return Mistake(place, "is missing; add it")
    if first["type"] == "value_error":
        return Mistake(place, str(first["ctx"]["error"]))
    return Mistake(
        place, first["msg"].replace("Input should be", "must be").replace("List should have", "must have")
    )


def _sentence(name: str, lines: Mapping[Place, int], mistake: Mistake, content: object) -> str:
    place = mistake.place
    known = next(place[:length] for length in range(len(place), -1, -1) if place[:length] in lines)
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")
    return f"{name} line {lines[known]}: {field}{_called(place, content)}: {mistake.fix}."


def _called(place: Place, content: Any) -> str:  # noqa: ANN401 - whatever a file contains
    try:
        return f" (rule {content['rules'][place[1]]['name']})"
    except (KeyError, IndexError, TypeError):
        return ""
