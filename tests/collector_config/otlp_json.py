"""OTLP JSON as tests compare it: one payload per signal, attributes in order, ids in hexadecimal."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

ROOTS = {"traces": "resourceSpans", "metrics": "resourceMetrics", "logs": "resourceLogs"}
ANY = "<any>"
_IDS = ("traceId", "spanId", "parentSpanId")
_LISTS = ("attributes", "filteredAttributes")


def merge(signal: str, payloads: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the payloads of one signal as one."""
    return {ROOTS[signal]: [part for payload in payloads for part in payload.get(ROOTS[signal], [])]}


def count(signal: str, payload: Mapping[str, Any]) -> int:
    """Returns the number of spans, data points or log records."""
    return sum(1 for _ in items(signal, payload))


def items(signal: str, payload: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields every span, data point or log record."""
    for scope in _scopes(signal, payload):
        if signal == "metrics":
            yield from _points(scope)
        else:
            yield from scope.get("spans", []) + scope.get("logRecords", [])


def _scopes(signal: str, payload: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    kind = ROOTS[signal].replace("resource", "scope")
    for resource in payload.get(ROOTS[signal], []):
        yield from resource.get(kind, [])


def entries(signal: str, payload: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns every span, metric or log record with its resource and scope, in a canonical order.

    How items were batched on the way does not matter.
    """
    kind = ROOTS[signal].replace("resource", "scope")
    parts = {"traces": "spans", "metrics": "metrics", "logs": "logRecords"}
    found = [
        {"resource": resource.get("resource"), "scope": scope.get("scope"), "item": item}
        for resource in payload.get(ROOTS[signal], [])
        for scope in resource.get(kind, [])
        for item in scope.get(parts[signal], [])
    ]
    return sorted(map(ordered, found), key=_identity)


def _identity(entry: Mapping[str, Any]) -> tuple[str, str]:
    item = entry["item"]
    return str(item.get("spanId", "")) + str(item.get("timeUnixNano", "")), str(item.get("name", ""))


def _points(scope: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for metric in scope.get("metrics", []):
        for data in metric.values():
            if isinstance(data, dict):
                yield from data.get("dataPoints", [])


def names(payload: Mapping[str, Any]) -> set[str]:
    """Returns the names of all metrics of a payload."""
    return {metric["name"] for scope in _scopes("metrics", payload) for metric in scope["metrics"]}


def with_hexadecimal_ids(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Returns the value with ids as OTLP JSON writes them; protobuf's own JSON writes base64."""
    if isinstance(value, list):
        return [with_hexadecimal_ids(each) for each in value]
    if isinstance(value, dict):
        return {
            key: base64.b64decode(each).hex() if key in _IDS else with_hexadecimal_ids(each)
            for key, each in value.items()
        }
    return value


def ordered(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Returns the value with attributes and points sorted, and without empty objects, lists and texts."""
    if isinstance(value, list):
        return [ordered(each) for each in value]
    if not isinstance(value, dict):
        return value
    result = {key: ordered(each) for key, each in sorted(value.items())}
    for key in set(_LISTS) & set(result):
        result[key] = sorted(result[key], key=lambda pair: str(pair["key"]))
    if "dataPoints" in result:
        result["dataPoints"] = sorted(result["dataPoints"], key=lambda point: str(point.get("attributes")))
    return {key: each for key, each in result.items() if each not in ({}, [], "")}


def difference(expected: Any, found: Any, place: str = "$") -> list[str]:  # noqa: ANN401 - JSON
    """Returns one line per place where two ordered values differ; ``<any>`` matches every value."""
    if expected in (ANY, found):
        return []
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = sorted(set(expected) | set(found))
        return [
            line for key in keys for line in difference(expected.get(key), found.get(key), f"{place}.{key}")
        ]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return [line for index, (one, other) in pairs for line in difference(one, other, f"{place}[{index}]")]
    return [f"{place}: expected {expected!r}, found {found!r}"]
