"""Generates mask.yaml from base.yaml: the same rules for our own processor, written once.

``python -m collector_kit.masking >mask.yaml`` writes it.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any, Final

import yaml

from collector_kit.fragments import FRAGMENTS, CollectorError, printed

_STAGES: Final = ("transform/bound", "redaction", "transform/restore")
_PATTERNS: Final = ("blocked_key_patterns", "blocked_values")
_LIMIT: Final = re.compile(r"limit\((?P<place>\w+)\.attributes, (?P<count>\d+), (?P<first>\[.*\])\)")
_UNFIT: Final = re.compile(
    r'delete_matching_keys\((?P<place>[\w.]+), "(?P<pattern>\[\^.*)"\)(?: where IsMap\(log\.body\))?'
)
_LEFT: Final = re.compile(r'(?P<head>.*IsMatch\(log\.body\.string, ").*"\)')
_DESCRIPTION: Final = re.compile(r'replace_pattern\(metric\.description, ".*", "\*\*\*\*"\)')
_LENGTH: Final = re.compile(r"truncate_all\((?P<place>\w+)\.attributes, (?P<length>\d+)\)")
# Hash of everything in the stages but rules and bounds: the processor implements that in Go, by hand.
_KNOWN: Final = "5625e432d540"
_HEAD: Final = """\
# The processor `mask` in place of bound, redaction and restore: one pass over the data, the same result, at a
# fraction of the cost. Written by `make generate` from base.yaml, which explains each rule.
#
# Needs: the build of `distribution/`, which has the processor; the contrib image refuses to start with it.
# Promises: those of base.yaml, to the byte: it masks, drops and truncates the same. A request that it cannot
#   process is rejected. It also counts what the bounds remove (`otelcol_processor_mask_texts_cut_total`,
#   `otelcol_processor_mask_attributes_dropped_total`) and logs it, at most one line a minute.
# Use: with `distribution/`. Elsewhere leave it out; base.yaml does the same with stock components.
"""


def render() -> str:
    """Returns the fragment.

    Raises:
        CollectorError: base.yaml bounds a place in two ways, or has a chain or a rule that the processor
            lacks.
    """
    base = yaml.safe_load((FRAGMENTS / "base.yaml").read_text())
    processors, pipelines = base["processors"], base["service"]["pipelines"]
    redaction, statements = processors["redaction"], _statements(processors)
    mask = {
        **{name: redaction[name] for name in _PATTERNS},
        "left_in_bodies": _left(statements, redaction["blocked_values"]),
        **_unfit(statements),
        "bounds": _bounds(statements),
    }
    _check(processors)
    clean = {name: pipelines[name] for name in pipelines if name.endswith("/clean")}
    chains = {name: {"processors": _chain(name, clean[name]["processors"])} for name in clean}
    document = {"processors": {"mask": mask}, "service": {"pipelines": chains}}
    return _HEAD + yaml.safe_dump(document, sort_keys=False, width=1000, allow_unicode=True)


def _check(processors: dict[str, Any]) -> None:
    stages = {stage: processors[stage] for stage in _STAGES}
    text = json.dumps(_without_figures(stages), sort_keys=True)
    found = hashlib.sha256(text.encode()).hexdigest()[:12]
    if found != _KNOWN:
        raise CollectorError(
            f"base.yaml: {', '.join(_STAGES)} differ from what distribution/mask/ does in Go. Bring it up "
            f"to date, make tests/collector_config/test_collector_chains.py pass, "
            f"set _KNOWN in {Path(__file__).name} to {found!r}"
        )


def _without_figures(part: object) -> object:
    """Returns the part of the configuration without what the fragment passes to the processor."""
    if isinstance(part, dict):
        return {key: None if key in _PATTERNS else _without_figures(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_without_figures(each) for each in part if not _DESCRIPTION.fullmatch(str(each))]
    for statement in (_LIMIT, _LENGTH, _UNFIT):
        if match := statement.fullmatch(str(part)):
            return match["place"]
    left = _LEFT.fullmatch(str(part))
    return left["head"] if left else part


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


def _unfit(statements: list[str]) -> dict[str, str]:
    """Returns the patterns of invalid keys, for labels and for all other attributes."""
    found = [match for each in statements if (match := _UNFIT.fullmatch(each))]
    labels = {match["pattern"] for match in found if match["place"] == "datapoint.attributes"}
    others = {match["pattern"] for match in found if match["place"] != "datapoint.attributes"}
    if len(labels) != 1 or len(others) != 1:
        raise CollectorError("base.yaml does not drop the same keys everywhere; only labels may differ")
    return {"unfit_names": _unquoted(others.pop()), "unfit_labels": _unquoted(labels.pop())}


def _left(statements: list[str], forms: list[str]) -> list[int]:
    """Returns the indices, in the list of forms, of those that a masked body is searched for."""
    (statement,) = (each for each in statements if _LEFT.fullmatch(each))
    return [number for number, form in enumerate(forms) if form in _unquoted(statement)]


def _unquoted(text: str) -> str:
    """Returns an OTTL string's text without its escapes."""
    return re.sub(r"\\(.)", r"\1", text)


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


if __name__ == "__main__":
    sys.exit(printed(render))
