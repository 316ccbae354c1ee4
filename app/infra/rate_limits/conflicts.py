"""Finds what one rule alone cannot show: repeated names, routes that do not exist, contradictory rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.infra.rate_limits.applicable import applies
from app.infra.rate_limits.decisions import UNMATCHED, Asked
from app.infra.rate_limits.rules import Limit, Rule

Place = tuple[str | int, ...]


class Mistake(NamedTuple):
    """What is wrong: the field's path in the file, and a clause that says what to do."""

    place: Place
    fix: str


class KnownRoute(NamedTuple):
    """A route of the application.

    ``reads_account``: whether its operation counts attempts in the name of an account. ``is_limited``:
    whether the limiter is asked about it at all.
    """

    template: str
    methods: frozenset[str]
    tags: tuple[str, ...] = ()
    reads_account: bool = False
    is_limited: bool = True


@dataclass(frozen=True, slots=True)
class RouteTable:
    """The application's routes.

    ``optional`` are templates and tags that a setting may leave out; a rule may name them all the same.
    """

    routes: tuple[KnownRoute, ...]
    optional: frozenset[str] = frozenset()

    @property
    def tags(self) -> frozenset[str]:
        """All tags."""
        return frozenset(tag for route in self.routes for tag in route.tags)


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
        yield from _effect(rule, place, table)
        for field, tags in (("tag", [rule.tag] if rule.tag else []), ("exempt_tags", rule.exempt_tags)):
            for tag in tags:
                if tag not in table.tags | table.optional:
                    known = ", ".join(sorted(table.tags))
                    yield Mistake((*place, field), f"no route has the tag {tag!r}; use one of {known}")


def _route(rule: Rule, place: Place, table: RouteTable) -> Iterator[Mistake]:
    if rule.route in {None, UNMATCHED} or rule.route in table.optional:
        return
    found = [route for route in table.routes if route.template == rule.route]
    methods = {method for route in found for method in route.methods}
    if not found:
        yield Mistake(
            (*place, "route"), f"the application has no route {rule.route}; take a path from /openapi.json"
        )
    elif rule.method and rule.method not in methods:
        known = ", ".join(sorted(methods))
        yield Mistake((*place, "method"), f"{rule.route} does not support {rule.method}; use one of {known}")
    elif not all(route.is_limited for route in found):
        yield Mistake((*place, "route"), f"{rule.route} is a probe, which nothing limits; remove the rule")


def _effect(rule: Rule, place: Place, table: RouteTable) -> Iterator[Mistake]:
    """Yields why a rule, whose route and tags exist, counts nothing or ignores a field."""
    if rule.scope == "account":
        yield from _account(rule, place, table)
    elif rule.tag in rule.exempt_tags:
        yield Mistake((*place, "exempt_tags"), f"it exempts all routes with the tag {rule.tag}; remove it")
    elif rule.route == UNMATCHED or {rule.route, rule.tag} & table.optional or _counts(rule, table):
        return
    elif rule.exempt_tags and _counts(rule.model_copy(update={"exempt_tags": []}), table):
        yield Mistake((*place, "exempt_tags"), f"they exempt all that the rule counts ({rule.target})")
    elif rule.tag and rule.method:
        yield Mistake((*place, "method"), f"no route with the tag {rule.tag} supports it; choose another one")


def _account(rule: Rule, place: Place, table: RouteTable) -> Iterator[Mistake]:
    readers = sorted(
        f"{method} {each.template}" for each in table.routes for method in each.methods if each.reads_account
    )
    if rule.route and rule.method and rule.target not in readers:
        yield Mistake(
            (*place, "route"), f"{rule.target} reads no account name; use one of {', '.join(readers)}"
        )
    for field in ("exempt_roles", "exempt_tags"):
        if getattr(rule, field):
            yield Mistake((*place, field), "nobody is signed in yet, and no tag is looked at; remove it")


def _counts(rule: Rule, table: RouteTable) -> bool:
    return any(
        applies(rule, Asked(route.template, method, route.tags, "", None, None))
        for route in table.routes
        for method in route.methods
        if route.is_limited
    )


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
