"""Writes collector-config/mask.yaml from base.yaml: the same rules for our own processor, written once."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

from stack.collector import FRAGMENTS, CollectorError

_STAGES: Final = ("transform/bound", "redaction", "transform/restore")
_LIMIT: Final = re.compile(r"limit\((?P<place>\w+)\.attributes, (?P<count>\d+), (?P<first>\[.*\])\)")
_LENGTH: Final = re.compile(r"truncate_all\((?P<place>\w+)\.attributes, (?P<length>\d+)\)")
_HEAD: Final = """\
# The processor `mask` in place of bound, redaction and restore: one pass over the data, the same result, at a
# small part of the cost. Written by `make generate` from base.yaml, which explains each rule.
#
# Needs: the build of `distribution/`, which has the processor; the contrib image refuses to start with it.
# Promises: those of base.yaml, to the byte: what is masked, bounded, cut and counted is the same. What it
#   cannot finish is refused.
# Lift: with `distribution/`. Elsewhere leave it out; base.yaml does the same with stock parts.
"""


def render() -> str:
    """Returns the fragment.

    Raises:
        CollectorError: base.yaml bounds a place in two ways, or has a chain that is not the known one.
    """
    base = yaml.safe_load((FRAGMENTS / "base.yaml").read_text())
    processors, pipelines = base["processors"], base["service"]["pipelines"]
    redaction = processors["redaction"]
    mask = {
        "blocked_key_patterns": redaction["blocked_key_patterns"],
        "blocked_values": redaction["blocked_values"],
        "bounds": _bounds(_statements(processors)),
    }
    clean = {name: pipelines[name] for name in pipelines if name.endswith("/clean")}
    chains = {name: {"processors": _chain(name, clean[name]["processors"])} for name in clean}
    document = {"processors": {"mask": mask}, "service": {"pipelines": chains}}
    return _HEAD + yaml.safe_dump(document, sort_keys=False, width=1000, allow_unicode=True)


def _chain(name: str, processors: list[str]) -> list[str]:
    if tuple(processors[-3:]) != _STAGES:
        raise CollectorError(f"base.yaml: {name} does not end with {', '.join(_STAGES)}")
    return [*processors[:-3], "mask"]


def _statements(processors: dict[str, Any]) -> list[str]:
    groups = [
        group
        for stage in ("transform/bound", "transform/restore")
        for key, groups in processors[stage].items()
        if key.endswith("_statements")
        for group in groups
    ]
    return [statement for group in groups for statement in group["statements"]]


def _bounds(statements: list[str]) -> dict[str, dict[str, Any]]:
    bounds: dict[str, dict[str, Any]] = {}
    for statement in statements:
        if match := _LIMIT.fullmatch(statement):
            found = {"count": int(match["count"]), "first": yaml.safe_load(match["first"])}
        elif match := _LENGTH.fullmatch(statement):
            found = {"length": int(match["length"])}
        else:
            continue
        known = bounds.setdefault(match["place"], {})
        if any(known.get(key, value) != value for key, value in found.items()):
            raise CollectorError(f"base.yaml bounds {match['place']} in two ways: {statement}")
        known.update(found)
    return bounds
