"""Rules for a metric's attributes: declared once, checked on every new combination."""

from __future__ import annotations

from collections import UserString
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from otel.encodable import INTEGER_END
from otel.foreign.values import items_of
from otel.metrics.losses import Losses

AttributeValue = str | bool | int | float
AttributeKey = tuple[tuple[str, AttributeValue], ...]

OTHER: Final = "_OTHER"
"""The value that replaces every undeclared value (semantic conventions, `_OTHER`)."""

OVERFLOW_KEY: Final[AttributeKey] = (("otel.metric.overflow", True),)
"""The series for everything beyond a cardinality limit (OpenTelemetry metrics SDK specification)."""

_LONGEST_TEXT: Final = 256


@dataclass(frozen=True, slots=True)
class AnyText:
    """Allows any text of at most 256 characters, and at most `limit` distinct ones at a time per instrument.

    For values that the code bounds but a declaration cannot list, such as `http.route`. Values beyond the
    limit become `_OTHER`. If values come and go, `Instrument.retain` ends those that are gone.
    """

    limit: int = 200

    def __str__(self) -> str:
        """Describes the rule for the generated reference."""
        return f"any text, at most {self.limit} different"


@dataclass(frozen=True, slots=True)
class IntegerRange:
    """Allows whole numbers from `minimum` to `maximum`, inclusive; others drop the attribute."""

    minimum: int
    maximum: int

    def __str__(self) -> str:
        """Describes the rule for the generated reference."""
        return f"{self.minimum} to {self.maximum}"


Allowed = tuple[AttributeValue, ...] | AnyText | IntegerRange
"""A tuple lists every allowed value; the other types describe values that cannot be listed."""

_Check = Callable[[object], AttributeValue | None]


def is_encodable(text: str) -> bool:
    """Returns whether UTF-8 can encode the text: it cannot encode a lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class AttributeRules:
    """Maps a call's attributes to the declared ones, in declared order, and counts what it removes.

    Values that Python considers equal are one value: True and 1, 200 and 200.0, a text and a StrEnum member.
    So a caller may look up an earlier call's attributes by `==` and get the same result as the rules.

    Raises:
        ValueError: A tuple of allowed values is empty or has equal ones, a limit is not positive, a range has
            no integer, or OTLP cannot represent a name or value.
    """

    def __init__(self, declared: Mapping[str, Allowed], losses: Losses) -> None:
        self._losses = losses
        self._texts: dict[str, set[str]] = {}
        self._checks: dict[str, _Check] = {
            name: self._check_for(name, rule) for name, rule in declared.items()
        }

    def canonical(self, attributes: object) -> AttributeKey:
        """Returns the declared attributes with allowed values; accepts any type of mapping."""
        try:
            given: dict[str, object] = dict(attributes if type(attributes) is dict else items_of(attributes))
            known = [name for name in self._checks if name in given]
        except Exception:  # noqa: BLE001 - a foreign mapping may raise anything
            self._losses.dropped += 1
            return ()
        self._losses.dropped += len(given) - len(known)
        kept = ((name, self._allowed(name, given[name])) for name in known)
        return tuple((name, value) for name, value in kept if value is not None)

    def release(self, kept: Iterable[AttributeKey]) -> None:
        """Makes room for other texts than those of the series that are `kept`."""
        used = {(name, value) for key in kept for name, value in key}
        for name, texts in self._texts.items():
            texts.intersection_update([text for text in texts if (name, text) in used])

    def _allowed(self, name: str, value: object) -> AttributeValue | None:
        try:
            return self._checks[name](value)
        except Exception:  # noqa: BLE001 - values of foreign types compare and hash as they like
            return self._replaced()

    def _check_for(self, name: str, rule: Allowed) -> _Check:
        if not name or not is_encodable(name):
            raise ValueError(f"attribute {name!r}: a name must be non-empty and encodable as UTF-8")
        if isinstance(rule, AnyText):
            return self._text(name, rule.limit)
        if isinstance(rule, IntegerRange):
            return self._integer(name, rule)
        return self._listed(name, rule)

    def _listed(self, name: str, values: tuple[AttributeValue, ...]) -> _Check:
        if not values:
            raise ValueError(f"attribute {name!r}: list at least one allowed value")
        known: dict[object, AttributeValue] = {value: value for value in values}
        if len(known) < len(values):
            raise ValueError(f"attribute {name!r}: some of {values} are equal")
        if not all(map(_is_representable, values)):
            raise ValueError(f"attribute {name!r}: OTLP cannot represent some of {values}")

        def check(value: object) -> AttributeValue:
            try:
                return known[value]
            except (KeyError, TypeError):
                return self._replaced()

        return check

    def _text(self, name: str, limit: int) -> _Check:
        if limit < 1:
            raise ValueError(f"attribute {name!r}: the limit must be at least 1, got {limit}")
        seen = self._texts.setdefault(name, set())

        def check(value: object) -> AttributeValue:
            text = _text_of(value)
            if text is None or len(text) > _LONGEST_TEXT:
                return self._replaced()
            if text not in seen and (len(seen) >= limit or not is_encodable(text)):
                return self._replaced()
            seen.add(text)
            return text

        return check

    def _integer(self, name: str, rule: IntegerRange) -> _Check:
        if not -INTEGER_END <= rule.minimum <= rule.maximum < INTEGER_END:
            raise ValueError(f"attribute {name!r}: {rule} is not a range of 64-bit integers")

        def check(value: object) -> AttributeValue | None:
            whole = _integer_of(value)
            if whole is not None and rule.minimum <= whole <= rule.maximum:
                return whole
            self._losses.dropped += 1
            return None

        return check

    def _replaced(self) -> str:
        self._losses.replaced += 1
        return OTHER


def _is_representable(value: object) -> bool:
    if isinstance(value, str):
        return is_encodable(value)
    return isinstance(value, (int, float)) and -INTEGER_END <= value < INTEGER_END


def _text_of(value: object) -> str | None:
    # Not `str(value)`: an enum of strings overrides it, but is equal to its value.
    if issubclass(type(value), str):
        return str.__str__(value)
    return str.__str__(value.data) if isinstance(value, UserString) else None


def _integer_of(value: Any) -> int | None:  # noqa: ANN401 - anything that is not a number raises
    if type(value) is int:
        return value
    try:
        whole: int | None = int(value)
        if whole != value:
            whole = None
    except Exception:  # noqa: BLE001 - a foreign type may raise anything
        return None
    return whole
