"""What Grafana reads of our provisioning files: environment variables are expanded, `$$` is a dollar."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from stack.settings import REPOSITORY

PROVISIONING: Final = REPOSITORY / "grafana" / "provisioning"
SOURCES: Final = PROVISIONING / "datasources" / "datasources.yaml"
BOARDS: Final = PROVISIONING / "dashboards" / "dashboards.yaml"
VARIANTS: Final = REPOSITORY / "grafana" / "variants"
_DOLLAR: Final = re.compile(r"\$(\$)|\$(?:\{(\w+)\}|(\w+))")


def data_sources(path: Path, variables: Mapping[str, str]) -> dict[str, Any]:
    """Returns the data sources of a file by their uid, with what Grafana's variables leave.

    Raises:
        KeyError: a text names an environment variable that is not set, or has a single dollar by mistake.
    """
    read = _expanded(yaml.safe_load(path.read_text()), variables)
    return {source["uid"]: source for source in read["datasources"]}


def _expanded(node: Any, variables: Mapping[str, str]) -> Any:  # noqa: ANN401 - YAML
    if isinstance(node, dict):
        return {key: _expanded(value, variables) for key, value in node.items()}
    if isinstance(node, list):
        return [_expanded(each, variables) for each in node]
    if not isinstance(node, str):
        return node
    return _DOLLAR.sub(lambda found: found[1] or variables[found[2] or found[3]], node)


def texts(node: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - YAML
    """Yields each text below a key, with the key."""
    if isinstance(node, list):
        for each in node:
            yield from texts(each)
    if isinstance(node, dict):
        for key, value in node.items():
            yield from [(key, value)] if isinstance(value, str) else texts(value)
