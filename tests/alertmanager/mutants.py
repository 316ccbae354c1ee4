"""Makes mutants of a rule: copies with one small fault each, as somebody might make it while editing."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from tests.alertmanager.promql import Node, NotPromqlError, text

Rule = dict[str, Any]
Change = Callable[[Node], None]

_REVERSED: Final = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "!=", "!=": "=="}
_BOUNDARY: Final = {">": ">=", "<": "<=", ">=": ">", "<=": "<"}
_NEGATED: Final = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}
_FACTORS: Final = (0.8, 1.25)
_SPANS: Final = (0.5, 2.0)
_PART: Final = re.compile(r"(\d+)(ms|[smhdwy])")
_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A rule with one fault; ``fault`` says which, for people and for the list of equivalent mutants."""

    fault: str
    rule: Rule


def mutants(rule: Rule, parse: Callable[[str], Node]) -> Iterator[Mutant]:
    """Yields every mutant of an alert or a recording rule, each once.

    Mutated are comparators (reversed; ``>`` and ``>=`` exchanged), numbers (times 0.8 and 1.25), matchers
    (negated), range windows (halved, doubled), labels of ``by``, ``without``, ``on`` and ``ignoring``
    (dropped), ``for`` and ``keep_firing_for`` (none, doubled) and static labels (another value).

    Args:
        rule: as in a rule file that Prometheus reads.
        parse: returns the syntax tree of an expression, see `tests.alertmanager.promql.parser`.
    """
    seen = {text(parse(rule["expr"]))}
    for fault, expression in _expressions(parse(rule["expr"])):
        if expression not in seen and _valid(expression, parse):
            seen.add(expression)
            yield Mutant(fault, rule | {"expr": expression})
    for field in ("for", "keep_firing_for"):
        yield from _waits(rule, field)
    for label, value in (rule.get("labels") or {}).items():
        yield Mutant(
            f"label {label} changed", rule | {"labels": rule["labels"] | {label: f"{value}-changed"}}
        )


def seconds(duration: str) -> float:
    """Returns the seconds of a duration such as ``1h30m``."""
    return sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(str(duration)))


def _waits(rule: Rule, field: str) -> Iterator[Mutant]:
    wait = seconds(rule.get(field, "0s"))
    if wait:
        yield Mutant(f"{field} 0", {key: value for key, value in rule.items() if key != field})
        yield Mutant(f"{field} doubled", rule | {field: f"{round(2000 * wait)}ms"})


def _valid(expression: str, parse: Callable[[str], Node]) -> bool:
    """Whether Prometheus accepts the expression: one that it refuses could not be deployed."""
    try:
        parse(expression)
    except NotPromqlError:
        return False
    return True


def _expressions(tree: Node) -> Iterator[tuple[str, str]]:
    """Yields each fault with the expression that has it; some expressions twice, some invalid."""
    for place, node in enumerate(_nodes(tree)):
        for fault, change in _faults(node):
            changed = copy.deepcopy(tree)
            change(list(_nodes(changed))[place])
            yield fault, text(changed)


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    children = [node.get(key) for key in ("lhs", "rhs", "expr", "param")] + list(node.get("args", []))
    for child in filter(None, children):
        yield from _nodes(child)


def _faults(node: Node) -> Iterator[tuple[str, Change]]:
    for find in (_comparator, _number, _matchers, _span, _labels):
        yield from find(node)


def _comparator(node: Node) -> Iterator[tuple[str, Change]]:
    for table in (_REVERSED, _BOUNDARY):
        if node["type"] == "binaryExpr" and node["op"] in table:
            other = table[node["op"]]
            side = _short(node["rhs"])
            yield f"{node['op']} {side} is {other} {side}", _put("op", other)


def _number(node: Node) -> Iterator[tuple[str, Change]]:
    value = float(node["val"]) if node["type"] == "numberLiteral" else 0.0
    if not value or not math.isfinite(value):
        return
    for factor in _FACTORS:
        yield f"{node['val']} times {factor}", _put("val", f"{value * factor:.12g}")


def _span(node: Node) -> Iterator[tuple[str, Change]]:
    if node["type"] not in {"matrixSelector", "subquery"}:
        return
    for factor in _SPANS:
        yield f"window of {_short(node)} times {factor}", _put("range", round(node["range"] * factor))


def _matchers(node: Node) -> Iterator[tuple[str, Change]]:
    for place, each in enumerate(node.get("matchers", [])):
        if each["name"] != "__name__" or not node["name"]:
            shown = f"{each['name']}{each['type']}{each['value']!r} of {node['name'] or 'a selector'}"
            yield f"{shown} negated", _negate(place)


def _labels(node: Node) -> Iterator[tuple[str, Change]]:
    for place, label in enumerate(node.get("grouping", [])):
        yield f"{label} dropped from {node['op']}'s grouping", _drop("grouping", place)
    for place, label in enumerate((node.get("matching") or {}).get("labels", [])):
        yield f"{label} dropped from {node['op']}'s matching", _drop_matching(place)


def _short(node: Node) -> str:
    found = text(node)
    return found if len(found) < 50 else f"{found[:47]}..."


def _put(key: str, value: object) -> Change:
    return lambda node: node.update({key: value})


def _negate(place: int) -> Change:
    return lambda node: node["matchers"][place].update(type=_NEGATED[node["matchers"][place]["type"]])


def _drop(key: str, place: int) -> Change:
    return lambda node: node[key].pop(place)


def _drop_matching(place: int) -> Change:
    return lambda node: node["matching"]["labels"].pop(place)
