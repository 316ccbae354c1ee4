"""Grafana's published schemas of dashboard, panels and queries, where they are; else the SDK's models."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema  # type: ignore[import-untyped]  # it has no types
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from stack.settings import REPOSITORY

Content = dict[str, Any]
# Of any type in Grafana's model, but objects in the published schema; an override by a name has a text.
_ANY: Final = (("MatcherConfig", "options"), ("DynamicConfigValue", "value"))
_SHARED: Final = Path("shared/data/grafana-schema")
# Panel kinds for which Grafana publishes no schema, and why that is no loss.
UNPUBLISHED: Final = {
    "alertlist": "part of Grafana's alerting, whose panels have none; its options are the manual's",
}


def folder() -> Path | None:
    """Returns the folder of the schemas beside the project, or None on a clone without it."""
    beside = (each / _SHARED for each in REPOSITORY.parents)
    return next((each for each in beside if each.is_dir()), None)


def refused(board: Content, schemas: Path) -> list[str]:
    """Returns what the schemas refuse of a dashboard: panel, field, reason."""
    found = [f"dashboard: {each}" for each in _faults(schemas, "dashboard", None, board)]
    for panel in panels(board):
        found += [f"{panel['title']}: {each}" for each in _of_panel(panel, schemas)]
    return found


def panels(board: Content) -> Iterator[Content]:
    """Yields the panels of a dashboard, those of collapsed rows too; no rows."""
    for panel in board["panels"]:
        yield from panel.get("panels") or []
        yield from () if panel["type"] == "row" else [panel]


def _of_panel(panel: Content, schemas: Path) -> Iterator[str]:
    kind = panel["type"]
    for target in panel.get("targets") or []:
        source = target["datasource"]["type"]
        yield from (f"target {target['refId']}: {each}" for each in _faults(schemas, source, None, target))
    if kind in UNPUBLISHED:
        return
    if not (schemas / _name(kind)).is_file():
        yield f"type: no schema of the panel kind {kind!r}: name the reason in UNPUBLISHED"
        return
    yield from (f"options: {each}" for each in _faults(schemas, kind, "Options", panel.get("options", {})))
    custom = panel.get("fieldConfig", {}).get("defaults", {}).get("custom", {})
    if "FieldConfig" in _schema(schemas / _name(kind))["definitions"]:
        yield from (f"custom: {each}" for each in _faults(schemas, kind, "FieldConfig", custom))
    elif custom:
        yield f"custom: the panel kind {kind} has no such fields, but there are {sorted(custom)}"


def _name(kind: str) -> str:
    return f"{kind.replace('-', '')}.jsonschema.json"


@cache
def _schema(path: Path) -> Content:
    schema: Content = json.loads(path.read_text(encoding="utf-8"))
    for name, field in _ANY:
        if name in schema["definitions"]:
            schema["definitions"][name]["properties"][field] = {}
    return schema


@cache
def _validator(path: Path, definition: str | None) -> jsonschema.Draft7Validator:
    schema = _schema(path)
    whole = schema if definition is None else schema | {"$ref": f"#/definitions/{definition}"}
    return jsonschema.Draft7Validator(whole)


def _faults(schemas: Path, kind: str, definition: str | None, content: Content) -> Iterator[str]:
    for error in _validator(schemas / _name(kind), definition).iter_errors(content):
        place = "/".join(map(str, error.absolute_path)) or "the whole"
        yield f"{place}: {error.message[:300]}"


def lost(board: Content) -> list[str]:
    """Returns what the models of the installed SDK do not know: they drop it, or cannot load the board."""
    register_default_plugins()
    try:
        loaded = Dashboard.from_json(board)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return [f"cannot be loaded: {error!r}"]
    return list(_differences(board, json.loads(json.dumps(loaded, cls=JSONEncoder)), ""))


def _differences(wanted: object, found: object, place: str) -> Iterator[str]:
    """Yields each place whose content is not the same after loading."""
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for key in wanted:
            yield from _differences(wanted[key], found.get(key), f"{place}/{key}")
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for index, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from _differences(one, other, f"{place}/{index}")
    elif wanted != found:
        yield f"{place}: {wanted!r:.80} became {found!r:.80}"
