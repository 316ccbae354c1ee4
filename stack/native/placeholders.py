"""Fills in the ${NAME} of process-compose.yaml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_PLACEHOLDER: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def fill(node: Any, values: Mapping[str, str | list[str]]) -> Any:  # noqa: ANN401 - YAML is of any type
    """Returns ``node`` with each ${NAME} replaced by its value.

    Raises:
        KeyError: no value has that name: a mistake in process-compose.yaml.
    """
    if isinstance(node, dict):
        return {key: fill(each, values) for key, each in node.items()}
    if isinstance(node, list):
        return [item for each in node for item in _filled_item(each, values)]
    if isinstance(node, str):
        return _PLACEHOLDER.sub(lambda match: str(values[match[1]]), node)
    return node


def _filled_item(item: Any, values: Mapping[str, str | list[str]]) -> list[Any]:  # noqa: ANN401 - likewise
    match = _PLACEHOLDER.fullmatch(item) if isinstance(item, str) else None
    value = values[match[1]] if match else None
    return value if isinstance(value, list) else [fill(item, values)]


def lines(variables: Mapping[str, str]) -> list[str]:
    """Returns variables as process-compose writes an environment."""
    return [f"{key}={value}" for key, value in variables.items()]
