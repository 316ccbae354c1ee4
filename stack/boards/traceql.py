"""The TraceQL of our boards: conditions on one span, which Jaeger can be asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stack.boards.dashboards import DashboardError

SERVICE: Final = "resource.service.name"
KIND: Final = "kind"
STATUS: Final = "status"
_VALUES: Final = {KIND: {"server", "client", "producer", "consumer"}, STATUS: {"error"}}
_CONDITION: Final = re.compile(
    r"\s*([\w.]+)\s*(=~|!~|=|>)\s*(\"(?:[^\"\\]|\\.)*\"|[\w.]+)\s*(?:&&\s*(?=\S)|$)", re.DOTALL
)
_ATTRIBUTE: Final = re.compile(r"(?:resource|span)\.[\w.]+")
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s)")
_MICROSECONDS: Final = {"ms": 1_000, "s": 1_000_000}
# An expression with a single value. (Tempo's data source joins a variable's values without escaping them.)
_PLAIN: Final = re.compile(r"[\w./{}:-]+")


class TraceqlError(DashboardError):
    """TraceQL of a form that our boards do not have."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a span must have, also for ``!~``: an attribute, named with its scope, a kind or a status."""

    name: str
    operator: str
    value: str

    @property
    def exact(self) -> bool:
        """Whether a single value fulfils it, which Jaeger can look for."""
        return self.operator == "=" or (self.operator == "=~" and _PLAIN.fullmatch(self.value) is not None)

    @property
    def tag(self) -> tuple[str, str]:
        """Jaeger's tag for the only value that fulfils it."""
        if self.name == STATUS:
            return "error", "true"
        return ("span.kind" if self.name == KIND else self.name.partition(".")[2]), self.value

    def holds(self, facts: Mapping[str, str]) -> bool:
        """Returns whether a span with these facts, by name, fulfils it."""
        found = facts.get(self.name)
        if found is None or self.operator == "=":
            return found == self.value
        return (re.fullmatch(self.value, found) is not None) == (self.operator == "=~")


@dataclass(frozen=True, slots=True)
class Search:
    """Looks for traces in which one span fulfils all conditions and is longer than that, in microseconds."""

    conditions: tuple[Condition, ...] = ()
    longer: int = 0

    def of_service(self, service: str) -> bool:
        """Returns whether a service's spans can fulfil it."""
        return all(each.holds({SERVICE: service}) for each in self.conditions if each.name == SERVICE)

    def tags(self) -> dict[str, str]:
        """Returns the tags that every span it finds has in Jaeger."""
        return dict(each.tag for each in self.conditions if each.exact and each.name != SERVICE)

    def found(self, facts: Mapping[str, str], microseconds: int) -> bool:
        """Returns whether it finds a span with these facts that took so long."""
        return microseconds > self.longer and all(each.holds(facts) for each in self.conditions)


def parsed(text: str) -> Search:
    """Returns TraceQL such as ``{ resource.service.name =~ "lms" && status = error && duration > 1s }``.

    Raises:
        TraceqlError: it has another form.
    """
    inside, at = text.strip(), 0
    if not (inside.startswith("{") and inside.endswith("}")):
        raise _wrong(text)
    inside = inside[1:-1].strip()
    conditions: list[Condition] = []
    longer = 0
    while at < len(inside):
        match = _CONDITION.match(inside, at)
        if match is None:
            raise _wrong(text)
        name, operator, value = match.groups()
        if name == "duration":
            longer = max(longer, _microseconds(text, operator, value))
        else:
            conditions.append(_condition(text, name, operator, value))
        at = match.end()
    return Search(tuple(conditions), longer)


def _microseconds(text: str, operator: str, value: str) -> int:
    match = _DURATION.fullmatch(value)
    if operator != ">" or match is None:
        raise _wrong(text)
    return round(float(match[1]) * _MICROSECONDS[match[2]])


def _condition(text: str, name: str, operator: str, value: str) -> Condition:
    if operator == "=" and value in _VALUES.get(name, ()):
        return Condition(name, operator, value)
    if operator == ">" or not value.startswith('"') or not _ATTRIBUTE.fullmatch(name):
        raise _wrong(text)
    try:
        found = Condition(name, operator, str(json.loads(value)))
        re.compile(found.value if "~" in operator else "")
    except (ValueError, re.error):
        raise _wrong(text) from None
    return found


def _wrong(text: str) -> TraceqlError:
    return TraceqlError(
        f"{text!r} is TraceQL that Jaeger cannot answer: join conditions on attributes (=, =~, !~), kind, "
        "status or duration (>) with &&, as "
        '{ resource.service.name =~ "lms" && status = error && duration > 1s }.'
    )
