"""What a query may ask of the declared metrics, by their names in Prometheus."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from stack.alerting.measured import Family, Measured

# Added by Prometheus: what prometheus.yml promotes, and the target's.
_ADDED: Final = {
    "service_name",
    "service_namespace",
    "service_version",
    "deployment_environment_name",
    "host_name",
    "job",
    "instance",
}
_PARTS: Final = ("_bucket", "_count", "_sum")
_FAMILIES: Final = Measured.shipped().metrics


def names() -> frozenset[str]:
    """Returns the names of all declared series, each histogram by its three."""
    whole = {name for name, family in _FAMILIES.items() if family.kind != "histogram"}
    parts = {f"{name}{part}" for name, family in _FAMILIES.items() for part in _PARTS if name not in whole}
    return frozenset(whole | parts)


def family(series: str) -> Family | None:
    """Returns the metric of a series; None for the host's, which the Collector sends as well."""
    if series.startswith("system_"):
        return None
    whole = _FAMILIES.get(series)  # whose own name may end in _count
    if whole and whole.kind != "histogram":
        return whole
    parts = (_FAMILIES.get(series.removesuffix(part)) for part in _PARTS if series.endswith(part))
    return next((found for found in parts if found and found.kind == "histogram"), None)


def labels(found: Family) -> set[str]:
    """Returns the names of the labels that a declared metric has in Prometheus."""
    return set(found.labels) | _ADDED | ({"le"} if found.kind == "histogram" else set())


def mistakes(found: Family, matchers: Iterable[Mapping[str, str]]) -> list[str]:
    """Returns each matcher of a selector that selects nothing, ever: of an unknown label or value."""
    allowed = dict(found.labels)
    if found.kind == "histogram":
        allowed["le"] = tuple(map(str, found.buckets))
    return [_shown(each) for each in matchers if not _possible(each, allowed)]


def _shown(matcher: Mapping[str, str]) -> str:
    return f'{matcher["name"]}{matcher["type"]}"{matcher["value"]}"'


def _possible(matcher: Mapping[str, str], allowed: Mapping[str, tuple[str, ...]]) -> bool:
    name, kind, value = matcher["name"], matcher["type"], matcher["value"]
    if name in _ADDED or not value:  # an empty value: with the label, or without
        return True
    if name not in allowed or not allowed[name]:
        return name in allowed  # any text, or a range of numbers
    if kind in {"=", "!="}:
        return value in allowed[name]
    return any(re.fullmatch(value, each) for each in allowed[name])
