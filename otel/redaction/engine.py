"""The one redaction engine: every span, log record and error report passes through it before it leaves."""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, Final

from otel.foreign.values import text_of
from otel.redaction import rules as patterns

MASK: Final = patterns.MASK

_DEEPEST: Final = 12  # a Sentry event nests nine levels
_MOST_ITEMS: Final = 200
_LONGEST_TEXT: Final = 32_768
_REMEMBERED: Final = 4096
_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**63 - 1
_LONGEST_REMEMBERED: Final = 200
_SHORTEST_ID: Final = 24
_ELLIPSIS: Final = "…[cut]"


class Redactor:
    """Replaces secrets and personal data by a mark; what is clean comes back as it was.

    A value goes by its key (`password`, `access_token`, `user.email`) or by its looks: mail addresses, JWTs,
    credentials of an Authorization header, cookies, keys with a known start, payment card numbers (Luhn),
    generated tokens of 24 or more characters, `key=value` pairs in prose, user information and query values
    of URLs. A person's bare name in a sentence is not recognised: do not write one.

    Thread-safe; linear in the length of the text; never raises. Clean short texts are remembered, so that the
    few hundred texts that telemetry repeats cost one look-up. `extra_keys` are further key names whose values
    never leave.
    """

    def __init__(self, extra_keys: Iterable[str] = ()) -> None:
        self._extra = frozenset(key.lower() for key in extra_keys)
        self._clean: set[str | tuple[str | None, str]] = set()
        self._keys: dict[str, bool] = {}

    def value(self, key: str | None, value: object) -> object:
        """Return `value` without secrets, made of JSON types only."""
        if type(value) is not str:
            # Whole numbers under a key that is known to be harmless are nearly all of the rest.
            usual = type(value) is int and _SMALLEST <= value <= _LARGEST
            harmless = usual and key is not None and self._keys.get(key) is False
            return value if harmless else self._value(key, value, 0)
        # A text that was clean under this key is the common case: one look-up instead of five calls.
        known = (key, value)
        if known in self._clean:
            return value
        redacted = self._value(key, value, 0)
        if redacted is value and not (len(value) >= _SHORTEST_ID and value.isalnum()):
            self._remember(value, known)
        return redacted

    def mapping(self, fields: Mapping[str, object]) -> dict[str, object]:
        """Return a copy of `fields` without secrets, at any depth."""
        return self._mapping(fields, 0)

    def text(self, text: str) -> str:
        """Return `text` with everything that looks like a secret or a person's datum replaced."""
        if text in self._clean:
            return text
        if len(text) <= _LONGEST_REMEMBERED and text.islower() and text.isalnum():
            # An id comes once, so it is not remembered; no pattern fits small letters and digits alone.
            return text
        cut = text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + _ELLIPSIS
        redacted = _scan(cut, self.is_sensitive)
        if redacted is text or redacted == text:
            self._remember(text, text)
            return text
        return redacted

    def url(self, url: str) -> str:
        """Return `url` without user information and with the values of its query replaced."""
        return self.text(_strip_query(url))

    def is_sensitive(self, key: str) -> bool:
        """Tell whether the key alone says that the value is secret."""
        known = self._keys.get(key)
        if known is None:
            known = key.lower() in self._extra or patterns.is_sensitive_key(key)
            if len(self._keys) >= _REMEMBERED:
                self._keys.clear()
            self._keys[key] = known
        return known

    def _remember(self, text: str, known: str | tuple[str | None, str]) -> None:
        if len(text) > _LONGEST_REMEMBERED:
            return
        if len(self._clean) >= _REMEMBERED:
            self._clean.clear()
        self._clean.add(known)

    def _value(self, key: str | None, value: object, depth: int) -> object:
        if value is None or isinstance(value, bool):
            return value
        if key is not None and self.is_sensitive(key):
            return MASK
        if isinstance(value, str):
            return self._keyed_text(key, value)
        if isinstance(value, (int, float)):
            return _number(value)
        return self._nested(value, depth + 1)

    def _nested(self, value: object, depth: int) -> object:
        if isinstance(value, (bytes, bytearray, memoryview)):
            return f"<{len(value)} bytes>"
        if not isinstance(value, (Mapping, Sequence, AbstractSet)):
            return self.text(_described(value))
        if depth > _DEEPEST:
            return _ELLIPSIS
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        return [self._value(None, item, depth) for item in islice(value, _MOST_ITEMS)]

    def _keyed_text(self, key: str | None, value: str) -> str:
        if key in _QUERY_KEYS:
            return self.text(_strip_values(value))
        if key in _URL_KEYS:
            return self.url(value)
        return self.text(value)

    def _mapping(self, fields: Mapping[Any, object], depth: int) -> dict[str, object]:
        redacted: dict[str, object] = {}
        for key, value in islice(fields.items(), _MOST_ITEMS):
            name = key if isinstance(key, str) else str(key)
            redacted[name if self.text(name) is name else MASK] = self._value(name, value, depth)
        return redacted


_QUERY_KEYS: Final = frozenset({"url.query", "query_string", "http.query"})
_URL_KEYS: Final = frozenset({"url.full", "url.path", "http.url", "http.target", "url"})


def _number(value: float) -> int | float | str:
    # JSON has no infinities (RFC 8259 section 6), OTLP no integers of more than 64 bits.
    if isinstance(value, int):
        return value if _SMALLEST <= value <= _LARGEST else text_of(value)
    return value if math.isfinite(value) else str(value)


def _described(value: object) -> str:
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{value.total_seconds()} s"
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a broken __str__ of a foreign object must not lose the record
        return f"<{type(value).__name__}>"


def _scan(text: str, is_sensitive: patterns.KeyTest) -> str:
    """Run the patterns whose telltale character the text has; half a surrogate pair becomes `?`."""
    if not text.isascii():
        # UTF-8 has no form for it (a JSON body may hold "\ud800"), and one would cost a whole batch.
        text = text.encode("utf-8", "replace").decode("utf-8")
    if "?" in text and "=" in text:
        text = _strip_query(text)
    if "ookie" in text:
        text = patterns.COOKIES.sub(rf"\1{MASK}", text)
    if "@" in text:
        text = patterns.USERINFO.sub(rf"\1{MASK}@", text)
        text = patterns.MAIL.sub(MASK, text)
    if "eyJ" in text:
        text = patterns.JWT.sub(MASK, text)
    if len(text) > patterns.SHORTEST_SECRET:
        text = _scan_long(text)
    if "=" in text or ":" in text:
        text = _mask_pairs(text, is_sensitive)
    return text


def _scan_long(text: str) -> str:
    if " " in text:
        text = patterns.CREDENTIALS.sub(rf"\1 {MASK}", text)
    text = patterns.CARD.sub(lambda match: MASK if patterns.passes_luhn(match[0]) else match[0], text)
    text = patterns.PREFIXED_KEY.sub(MASK, text)
    return patterns.OPAQUE.sub(lambda match: MASK if patterns.is_opaque(match[0]) else match[0], text)


def _mask_pairs(text: str, is_sensitive: patterns.KeyTest) -> str:
    # The value of a harmless key is not skipped: in `ValueError: password=...` it holds the next pair.
    parts: list[str] = []
    done = 0
    for key in patterns.PAIR_KEY.finditer(text):
        if key.start() < done or not is_sensitive(key[1]):
            continue
        value = patterns.PAIR_VALUE.match(text, key.end())
        if value is not None:
            parts += (text[done : key.end()], MASK)
            done = value.end()
    return "".join(parts) + text[done:] if parts else text


def _strip_query(url: str) -> str:
    return patterns.QUERY.sub(lambda match: "?" + _strip_values(match[1]), url)


def _strip_values(query: str) -> str:
    return patterns.QUERY_VALUE.sub(f"={MASK}", patterns.QUERY_BARE.sub(MASK, query))
