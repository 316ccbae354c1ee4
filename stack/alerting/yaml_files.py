"""Reads the YAML that people write; refuses a name that is there twice: YAML would take the last one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import yaml
from yaml.composer import Composer

from stack.alerting.errors import AlertingError

_MERGE: Final = "<<"


class _NamesOnce(Composer):
    """Refuses a mapping that has a name twice."""

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        names = [key.value for key, _ in node.value if key.value != _MERGE]
        if twice := [name for name in names if names.count(name) > 1]:
            problem = f"{twice[0]} is there twice; remove one of them"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        return node


class _Loader(_NamesOnce, yaml.SafeLoader):
    """Leaves promtool's `0x40`, forty zeros, a text: YAML 1.1 reads a hexadecimal number."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if not tag.endswith(":int")]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"[-+]?\d+$"), list("-+0123456789"))


class _TextLoader(_NamesOnce, yaml.BaseLoader):
    """Leaves every scalar a text: YAML reads 22:00 as the number 1320."""


def parsed(text: str, name: str, *, as_text: bool = False) -> Any:  # noqa: ANN401 - whatever it contains
    """Returns what a file contains, with ``as_text`` each scalar as it is written.

    Raises:
        AlertingError: it is not YAML, or a mapping has a name twice; the sentence begins with ``name``.
    """
    try:
        return yaml.load(text, Loader=_TextLoader if as_text else _Loader)  # noqa: S506 - neither builds objects
    except yaml.YAMLError as error:
        raise AlertingError(f"{name} is not valid YAML: {' '.join(str(error).split())}") from None


def mapping(text: str, name: str) -> dict[str, Any]:
    """Returns the mapping that a file contains.

    Raises:
        AlertingError: it is not YAML or not a mapping; the sentence begins with ``name``.
    """
    return _mapping(parsed(text, name), name)


def read_mapping(path: Path) -> dict[str, Any]:
    """Returns the mapping in the file; an empty file has none of the names.

    Raises:
        AlertingError: it cannot be read, is not YAML, or not a mapping.
    """
    content = parsed(read(path, path.name), path.name)
    return {} if content is None else _mapping(content, path.name)


def read(path: Path, name: str) -> str:
    """Returns the text of the file.

    Raises:
        AlertingError: it cannot be read; the sentence begins with ``name``.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AlertingError(f"{name} cannot be read: {' '.join(str(error).split())}") from None


def _mapping(content: object, name: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise AlertingError(f"{name} must be a mapping of names, not {type(content).__name__}.")
    return content
