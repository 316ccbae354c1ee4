"""What a metric's attributes may be: declared once, checked on every new combination."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

AttributeValue = str | bool | int | float
AttributeKey = tuple[tuple[str, AttributeValue], ...]

OTHER: Final = "_OTHER"
"""The value that stands for every value that was not declared (semantic conventions, `_OTHER`)."""

OVERFLOW_KEY: Final[AttributeKey] = (("otel.metric.overflow", True),)
"""The one series that takes what exceeds a cardinality limit (OpenTelemetry metrics SDK specification)."""

_LONGEST_TEXT: Final = 256


@dataclass(frozen=True, slots=True)
class AnyText:
    """Allows any text of at most 256 characters, and at most `limit` different ones per instrument.

    For values that code bounds but a declaration cannot list, such as `http.route`. The value after
    the limit becomes `_OTHER`.
    """

    limit: int = 200

    def __str__(self) -> str:
        """Describes the rule for the generated reference."""
        return f"any text, at most {self.limit} different"


@dataclass(frozen=True, slots=True)
class IntegerRange:
    """Allows whole numbers from `minimum` to `maximum`, both included; others drop the attribute."""

    minimum: int
    maximum: int

    def __str__(self) -> str:
        """Describes the rule for the generated reference."""
        return f"{self.minimum} to {self.maximum}"


Allowed = tuple[AttributeValue, ...] | AnyText | IntegerRange
"""A tuple lists every allowed value; a marker says which values a list cannot name."""

_Check = Callable[[object], AttributeValue | None]


@dataclass(slots=True)
class AttributeLosses:
    """Counts what the rules of one instrument took away: `dropped` attributes, `replaced` values."""

    dropped: int = 0
    replaced: int = 0


def _is_encodable(text: str) -> bool:
    # Half a surrogate pair in one label would make every export of all metrics fail.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class AttributeRules:
    """Turns the attributes of a call into the declared ones, in declared order.

    Raises:
        ValueError: A tuple of allowed values is empty, or a limit is not positive.
    """

    def __init__(self, declared: Mapping[str, Allowed]) -> None:
        self.losses = AttributeLosses()
        self._checks: dict[str, _Check] = {
            name: self._check_for(name, rule) for name, rule in declared.items()
        }

    def canonical(self, attributes: Mapping[str, object]) -> AttributeKey:
        """Returns the declared attributes with allowed values; counts the rest as lost."""
        kept: list[tuple[str, AttributeValue]] = []
        for name, check in self._checks.items():
            value = check(attributes[name]) if name in attributes else None
            if value is not None:
                kept.append((name, value))
        self.losses.dropped += sum(1 for name in attributes if name not in self._checks)
        return tuple(kept)

    def _check_for(self, name: str, rule: Allowed) -> _Check:
        if isinstance(rule, AnyText):
            return self._text(name, rule.limit)
        if isinstance(rule, IntegerRange):
            return self._integer(rule)
        return self._listed(name, rule)

    def _listed(self, name: str, values: tuple[AttributeValue, ...]) -> _Check:
        if not values:
            raise ValueError(f"attribute {name!r}: list at least one allowed value")
        known = {(type(value) is bool, value): value for value in values}

        def check(value: object) -> AttributeValue:
            try:
                return known[type(value) is bool, value]  # type: ignore[index]  # any hashable may ask
            except (KeyError, TypeError):
                return self._replaced()

        return check

    def _text(self, name: str, limit: int) -> _Check:
        if limit < 1:
            raise ValueError(f"attribute {name!r}: the limit must be at least 1, got {limit}")
        seen: set[str] = set()

        def check(value: object) -> AttributeValue:
            if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
                return self._replaced()
            if value not in seen and (len(seen) >= limit or not _is_encodable(value)):
                return self._replaced()
            seen.add(value)
            return str(value)

        return check

    def _integer(self, rule: IntegerRange) -> _Check:
        def check(value: object) -> AttributeValue | None:
            if isinstance(value, int) and rule.minimum <= value <= rule.maximum:
                return int(value)
            self.losses.dropped += 1
            return None

        return check

    def _replaced(self) -> str:
        self.losses.replaced += 1
        return OTHER
