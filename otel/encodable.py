"""Values in a form that OTLP and the Prometheus text can carry: UTF-8, and integers of 64 bits.

Source: opentelemetry-proto, `AnyValue`; both formats are UTF-8, which has no form for half a surrogate pair.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

INTEGER_END: Final = 2**63
"""OTLP has the integers from `-INTEGER_END` on and below `INTEGER_END`."""

_MOST_DIGITS: Final = 1000
_DEEPEST: Final = 12
_MARK: Final = "…[cut]"
_PLAIN: Final = frozenset({bool, float, type(None), bytes})


class Encodable:
    """Returns values in a form that can be sent, the same object where nothing had to change. Never raises.

    `count` is called with the reason for each value that was changed: `lone_surrogate`,
    `integer_over_64_bits` or `too_deep`.
    """

    def __init__(self, count: Callable[[str], None]) -> None:
        self._count = count

    def text(self, text: object) -> str:
        """Returns the text, half a surrogate pair as a question mark."""
        if type(text) is str and text.isascii():
            return text
        return self._text(text)

    def _text(self, text: object) -> str:
        exact = _as_text(text)
        encoded = exact.encode("utf-8", "replace")
        whole = encoded.decode()
        if whole == exact:
            return exact
        self._count("lone_surrogate")
        return whole

    def value(self, value: Any) -> Any:  # noqa: ANN401 - any value of an attribute
        """Returns a value of an attribute or a log record's body; an integer over 64 bits becomes text."""
        return self._value(value, 0)

    def attributes(self, attributes: Mapping[str, Any]) -> Mapping[str, Any]:
        """Returns the attributes with keys and values that can be sent."""
        for key, value in attributes.items():
            if type(key) is not str or not key.isascii() or not self._is_usual(value):
                return self._mapping(attributes, 0)
        return attributes

    def _is_usual(self, value: object) -> bool:
        kind = type(value)
        if kind is str:
            return value.isascii()  # type: ignore[attr-defined,no-any-return]  # see the condition
        if kind is int:
            return -INTEGER_END <= value < INTEGER_END  # type: ignore[operator]  # as above
        return kind in _PLAIN

    def _value(self, value: Any, depth: int) -> Any:  # noqa: ANN401 - as in `value`
        kind = type(value)
        if kind in _PLAIN:
            return value
        if issubclass(kind, str):
            return self.text(value)
        if issubclass(kind, int):
            return self._whole(int.__index__(value))
        if issubclass(kind, float):
            return float.__float__(value)
        if issubclass(kind, (list, tuple, dict)):
            return self._nested(value, depth)
        return self.text(value)

    def _whole(self, value: int) -> int | str:
        if -INTEGER_END <= value < INTEGER_END:
            return value
        self._count("integer_over_64_bits")
        return str(value) if value.bit_length() < _MOST_DIGITS else f"<int of {value.bit_length()} bits>"

    def _nested(self, value: Any, depth: int) -> Any:  # noqa: ANN401 - as in `value`
        if depth >= _DEEPEST:
            self._count("too_deep")
            return _MARK
        if isinstance(value, dict):
            return self._mapping(value, depth + 1)
        return tuple(self._value(item, depth + 1) for item in value)

    def _mapping(self, given: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        return {self.text(key): self._value(value, depth) for key, value in given.items()}


def _as_text(value: object) -> str:
    try:
        return str.__str__(value if issubclass(type(value), str) else str(value))
    except Exception:  # noqa: BLE001 - the text of a foreign type
        return f"<unprintable {type(value).__qualname__}>"
