"""What a rule may ask of the metrics that the platform declares, by their names in Prometheus."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from app.core.telemetry import LMS_METRICS
from otel.metrics.declaration import Declaration
from otel.metrics.prometheus_name import prometheus_name
from otel.startup import catalogues

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
_DECLARED: Final = {
    prometheus_name(metric.declaration): metric.declaration
    for catalogue in [LMS_METRICS, *catalogues()]
    for metric in catalogue
}


def declaration(series: str) -> Declaration | None:
    """Returns the declaration of a series' metric; None for the host's, which the Collector sends as well."""
    if series.startswith("system_"):
        return None
    whole = _DECLARED.get(series)  # whose own name may end in _count
    if whole and whole.kind != "histogram":
        return whole
    parts = (_DECLARED.get(series.removesuffix(part)) for part in _PARTS if series.endswith(part))
    return next((found for found in parts if found and found.kind == "histogram"), None)


def labels(declared: Declaration) -> set[str]:
    """Returns the names of the labels that a declared metric has in Prometheus."""
    own = {name.replace(".", "_") for name in declared.attributes}
    return own | _ADDED | ({"le"} if declared.kind == "histogram" else set())


def mistakes(declared: Declaration, matchers: Iterable[Mapping[str, str]]) -> list[str]:
    """Returns each matcher of a selector that selects nothing, ever: of an unknown label or value."""
    labels = {name.replace(".", "_"): allowed for name, allowed in declared.attributes.items()}
    if declared.kind == "histogram":
        labels["le"] = tuple(map(str, declared.buckets))
    return [_shown(each) for each in matchers if not _possible(each, labels)]


def _shown(matcher: Mapping[str, str]) -> str:
    return f'{matcher["name"]}{matcher["type"]}"{matcher["value"]}"'


def _possible(matcher: Mapping[str, str], labels: Mapping[str, object]) -> bool:
    name, kind, value = matcher["name"], matcher["type"], matcher["value"]
    if name in _ADDED:
        return True
    allowed = labels.get(name)
    if not isinstance(allowed, tuple):
        return allowed is not None  # any text, or a range of numbers
    found = [str(each) for each in allowed]
    if kind in {"=", "!="}:
        return value in found
    return any(re.fullmatch(value, each) for each in found)
