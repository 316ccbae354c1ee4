"""Converts values to what OTLP and the Prometheus text format can carry: UTF-8 and 64-bit integers.

Source: opentelemetry-proto, `AnyValue`; both formats are UTF-8, which cannot encode a lone surrogate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from otel.foreign.values import Budget, Plain, text_of

INTEGER_END: Final = 2**63
"""OTLP integers range from `-INTEGER_END` up to, but not including, `INTEGER_END`."""


class Encodable:
    """Makes values encodable; returns the same object if nothing had to change. Never raises.

    Calls `count` with the reason for each changed value: `lone_surrogate`, `integer_over_64_bits`, or
    `too_large` if `otel.foreign` had to cut it. Objects become text.
    """

    def __init__(self, count: Callable[[str], None]) -> None:
        self._count = count

    def text(self, text: object) -> str:
        """Returns the text, with each lone surrogate replaced by a question mark."""
        if type(text) is str and text.isascii():
            return text
        return self._text(text)

    def value(self, value: object) -> Plain:
        """Returns an encodable attribute value or log body; an integer over 64 bits becomes text."""
        kind = type(value)
        if kind is str:
            return self.text(value)
        if self._is_usual(value):
            return value  # type: ignore[return-value]  # it is plain
        return self._bounded(value, Budget())

    def _bounded(self, value: object, budget: Budget) -> Plain:
        cut = budget.cut
        plain = budget.value(value)
        if budget.cut > cut:
            self._count("too_large")
        return self._plain(plain)

    def attributes(self, attributes: Mapping[str, Any]) -> Mapping[str, Any]:
        """Returns the attributes with encodable keys and values."""
        for key, value in attributes.items():
            if type(key) is not str or not key.isascii() or not self._is_usual(value):
                return self._cleaned(attributes)
        return attributes

    def _cleaned(self, attributes: Mapping[str, Any]) -> dict[str, Plain]:
        budget = Budget()
        return {
            self.text(key): value if self._is_usual(value) else self._bounded(value, budget)
            for key, value in attributes.items()
        }

    def _is_usual(self, value: object) -> bool:
        kind = type(value)
        if kind is str:
            return value.isascii()  # type: ignore[attr-defined,no-any-return]  # see the condition
        if kind is int:
            return -INTEGER_END <= value < INTEGER_END  # type: ignore[operator]  # as above
        return value is None or kind is float or kind is bool

    def _text(self, text: object) -> str:
        exact = str.__str__(text) if issubclass(type(text), str) else text_of(text)
        whole = exact.encode("utf-8", "replace").decode()
        if whole == exact:
            return exact
        self._count("lone_surrogate")
        return whole

    def _plain(self, value: Plain) -> Plain:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self._plain(item) for item in value]
        if isinstance(value, dict):
            return {self.text(key): self._plain(item) for key, item in value.items()}
        return value if self._is_usual(value) else self._digits(value)

    def _digits(self, value: object) -> str:
        self._count("integer_over_64_bits")
        return str(value)
