"""Finds what one rule alone cannot show: repeated names, routes that do not exist, contradictory rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.infra.rate_limits.decisions import UNMATCHED
from app.infra.rate_limits.rules import Limit, Rule

Place = tuple[str | int, ...]


class Mistake(NamedTuple):
    """What is wrong: the field's path in the file, and a clause that says what to do."""

    place: Place
    fix: str


@dataclass(frozen=True, slots=True)
class RouteTable:
    """The application's routes: the methods by template, and all tags.

    ``optional`` are templates and tags that a setting may leave out; a rule may name them all the same.
    """

    methods: Mapping[str, frozenset[str]]
    tags: frozenset[str]
    optional: frozenset[str] = frozenset()


class _Window(NamedTuple):
    """One window of a rule and its place in the file."""

    place: Place
    rule: Rule
    limit: Limit


def first_mistake(rules: Sequence[Rule], table: RouteTable) -> Mistake | None:
    """Returns the first mistake, or None."""
    found = (*_names(rules), *_targets(rules, table), *_costs(rules), *_contradictions(rules))
    return min(found, key=lambda mistake: [str(part).rjust(4) for part in mistake.place], default=None)


def _names(rules: Sequence[Rule]) -> Iterator[Mistake]:
    seen: set[str] = set()
    for number, rule in enumerate(rules):
        if rule.name in seen:
            yield Mistake(("rules", number, "name"), f"another rule is named {rule.name}; choose a new name")
        seen.add(rule.name)


def _targets(rules: Sequence[Rule], table: RouteTable) -> Iterator[Mistake]:
    for number, rule in enumerate(rules):
        place = ("rules", number)
        if rule.route and rule.tag:
            yield Mistake((*place, "tag"), "a rule has a route or a tag; remove one of them")
        if rule.scope == "account" and not (rule.route and rule.method):
            yield Mistake(
                (*place, "scope"), "a rule for accounts needs the route and the method of the sign-in"
            )
        yield from _route(rule, place, table)
        for field, tags in (("tag", [rule.tag] if rule.tag else []), ("exempt_tags", rule.exempt_tags)):
            for tag in tags:
                if tag not in table.tags | table.optional:
                    known = ", ".join(sorted(table.tags))
                    yield Mistake((*place, field), f"no route has the tag {tag!r}; use one of {known}")


def _route(rule: Rule, place: Place, table: RouteTable) -> Iterator[Mistake]:
    if rule.route in {None, UNMATCHED} or rule.route in table.optional:
        return
    methods = table.methods.get(str(rule.route))
    if methods is None:
        yield Mistake(
            (*place, "route"), f"the application has no route {rule.route}; take a path from /openapi.json"
        )
    elif rule.method and rule.method not in methods:
        known = ", ".join(sorted(methods))
        yield Mistake((*place, "method"), f"{rule.route} does not support {rule.method}; use one of {known}")


def _costs(rules: Sequence[Rule]) -> Iterator[Mistake]:
    for number, rule in enumerate(rules):
        if rule.cost > min(each.limit for each in rule.limits):
            yield Mistake(
                ("rules", number, "cost"), "no request could ever pass; raise the limit or lower the cost"
            )


def _contradictions(rules: Sequence[Rule]) -> Iterator[Mistake]:
    """Compares all windows that count the same requests for the same callers."""
    groups: dict[object, list[_Window]] = {}
    for number, rule in enumerate(rules):
        about = (
            rule.scope,
            rule.target,
            rule.cost,
            rule.shadow,
            frozenset(rule.exempt_roles),
            frozenset(rule.exempt_tags),
        )
        for place, limit in enumerate(rule.limits):
            where = ("rules", number, "limits", place, "limit")
            groups.setdefault(about, []).append(_Window(where, rule, limit))
    for group in groups.values():
        for later, window in enumerate(group):
            yield from (each for other in group[:later] if (each := _against(window, other)) is not None)


def _against(window: _Window, other: _Window) -> Mistake | None:
    mine, theirs = window.limit, other.limit
    if mine.window == theirs.window:
        return Mistake(
            window.place,
            f"{other.rule.name} limits the same requests to {theirs.limit} in {theirs.window} s; drop one",
        )
    shorter, longer = sorted((mine, theirs), key=lambda each: each.window)
    if longer.limit <= shorter.limit:
        return Mistake(
            window.place,
            f"{longer.limit} in {longer.window} s makes {shorter.limit} in {shorter.window} s pointless"
            f" (rules {other.rule.name} and {window.rule.name}); remove one or raise the longer one's limit",
        )
    return None
