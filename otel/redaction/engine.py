"""The one redaction engine: every span, log record and error report passes through it before it leaves."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, Final

from otel.foreign.names import CUT, is_scalar
from otel.foreign.values import Budget, Plain, text_of
from otel.redaction.keys import is_sensitive_key
from otel.redaction.rules import MASK
from otel.redaction.scan import scan, strip_url, strip_values

_DEEPEST: Final = 12  # a Sentry event nests nine levels
_MOST_ITEMS: Final = 200
_LONGEST_TEXT: Final = 32_768
_REMEMBERED: Final = 4096
_SMALLEST: Final = -(2**63)
_LARGEST: Final = 2**63 - 1
_LONGEST_REMEMBERED: Final = 200
_SHORTEST_ID: Final = 24
# A cut text is scanned this far beyond the cut: half an address no longer looks like one.
_OVERLAP: Final = 512
# No card number has fewer digits.
_LONG_NUMBER: Final = 10**12
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class Redactor:
    """Replaces secrets and personal data with a mark; clean values come back unchanged.

    A value is masked because of its key (`password`, `access_token`, `user.email`: `otel.redaction.keys`) or
    its form (mail addresses, cards, IBANs, phone numbers, PEM blocks: `otel.redaction.rules`), in pairs such
    as `key=value` in prose, JSON and lists of headers, and in the query of a URL. A person's bare name in a
    sentence is not recognised: do not log one.

    Thread-safe; linear in the length of the text; never raises. Short clean texts are cached, so the few
    hundred texts that telemetry repeats cost one look-up. `extra_keys` are further key names whose values are
    always masked. `count` is called with a reason for each value that OTLP cannot carry: `lone_surrogate`,
    `integer_over_64_bits`.
    """

    def __init__(self, extra_keys: Iterable[str] = (), count: Callable[[str], None] | None = None) -> None:
        self._count = count
        self._extra = frozenset(key.lower() for key in extra_keys)
        self._clean: set[str | tuple[str | None, str]] = set()
        self._keys: dict[str, bool] = {}

    def value(self, key: str | None, value: object) -> object:
        """Return `value` without secrets, made of JSON types only."""
        if type(value) is not str:
            # Nearly all of the rest are whole numbers under a key known to be harmless.
            usual = type(value) is int and -_LONG_NUMBER < value < _LONG_NUMBER
            return value if usual and self._keys.get(key or "") is False else self._unusual(key, value)
        # Usually the text was already clean under this key: one look-up instead of five calls.
        known = (key, value)
        if known in self._clean:
            return value
        redacted = self._value(key, value, 0)
        if redacted is value and not (len(value) >= _SHORTEST_ID and value.isalnum()):
            self._remember(value, known)
        return redacted

    def _unusual(self, key: str | None, value: object) -> object:
        # A value that is secret by its key is not even converted to text.
        if is_scalar(value) or (key is not None and self.is_sensitive(key)):
            return self._value(key, value, 0)
        return self._value(key, Budget().value(value), 0)

    def plain(self, key: str, value: Plain) -> object:
        """Return an already plain, bounded value without secrets; `value` converts it first."""
        return self._value(key, value, 0)

    def mapping(self, fields: Mapping[str, object]) -> dict[str, object]:
        """Return a copy of `fields` without secrets, at any depth."""
        return self._mapping(fields, 0)

    def labels(self, labels: Mapping[str, Any]) -> Mapping[str, Any]:
        """Returns a measurement's attributes without secrets; the same object if they are clean."""
        clean = {self.text(name): self.value(name, value) for name, value in labels.items()}
        return labels if clean == labels else clean

    def text(self, text: str) -> str:
        """Return `text` with everything that looks like a secret or personal data masked."""
        if text in self._clean:
            return text
        if len(text) <= _LONGEST_REMEMBERED and text.islower() and text.isalnum() and not _is_account(text):
            # An id occurs once, so is not cached; no other rule matches lowercase letters and digits alone.
            return text
        if len(text) > _LONGEST_TEXT:
            return self._cut(text)
        redacted = scan(text, self.is_sensitive)
        if redacted is text or redacted == text:
            self._remember(text, text)
            return text
        self._note_surrogate(text)
        return redacted

    def _note_surrogate(self, text: str) -> None:
        if self._count is not None and not text.isascii() and _SURROGATE.search(text):
            self._count("lone_surrogate")

    def _cut(self, text: str) -> str:
        self._note_surrogate(text)
        redacted = scan(text[: _LONGEST_TEXT + _OVERLAP], self.is_sensitive)
        return redacted[: min(_LONGEST_TEXT, len(redacted) - _OVERLAP)] + CUT

    def url(self, url: str) -> str:
        """Return `url` without user information and with its query values masked."""
        return self.text(strip_url(url))

    def is_sensitive(self, key: str) -> bool:
        """Return whether the key alone marks the value as secret."""
        known = self._keys.get(key)
        if known is None:
            known = key.lower() in self._extra or is_sensitive_key(key)
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
        kind = type(value)
        if value is None or kind is bool:
            return value
        if key is not None and self.is_sensitive(key):
            return MASK
        if kind is str:
            return self._keyed_text(key, value)  # type: ignore[arg-type]  # it is a str
        if kind is int or kind is float:
            return self._number(value)
        return self._nested(value, depth + 1)

    def _number(self, value: Any) -> Any:  # noqa: ANN401 - an int or a float; to mypy an int is a float
        if -_LONG_NUMBER < value < _LONG_NUMBER:
            return value
        # JSON has no infinities (RFC 8259 section 6), OTLP no integers of more than 64 bits.
        if type(value) is float and not math.isfinite(value):
            return str(value)
        if not _SMALLEST <= value <= _LARGEST:
            return value if type(value) is float else self._outsized(value)
        return MASK if value == int(value) and self.text(str(int(abs(value)))) == MASK else value

    def _outsized(self, value: int) -> str:
        if self._count is not None:
            self._count("integer_over_64_bits")
        return self.text(text_of(value))

    def _nested(self, value: Any, depth: int) -> object:  # noqa: ANN401 - any type, checked below
        if depth > _DEEPEST:
            return CUT
        kind = type(value)
        if kind is dict:
            return self._mapping(value, depth)
        if kind is not list and kind is not tuple:
            return self._value(None, Budget().value(value), depth)
        name = _name_of_pair(value)
        if name is not None and self.is_sensitive(name):
            return [name, MASK]
        return [self._value(None, item, depth) for item in islice(value, _MOST_ITEMS)]

    def _keyed_text(self, key: str | None, value: str) -> str:
        if key in _QUERY_KEYS:
            return self.text(strip_values(value))
        if key in _URL_KEYS:
            return self.url(value)
        return self.text(value)

    def _mapping(self, fields: Mapping[Any, object], depth: int) -> dict[str, object]:
        redacted: dict[str, object] = {}
        for key, value in islice(fields.items(), _MOST_ITEMS):
            name = key if type(key) is str else text_of(key)
            redacted[name if self.text(name) is name else MASK] = self._value(name, value, depth)
        return redacted


_redactor: Final = Redactor()


def redact(text: str) -> str:
    """Returns `text` with every recognisable secret and all recognisable personal data masked.

    For user text that becomes a name, such as a title that becomes part of a URL.
    """
    return _redactor.text(text if type(text) is str else text_of(text))


_QUERY_KEYS: Final = frozenset({"url.query", "query_string", "http.query"})
_URL_KEYS: Final = frozenset({"url.full", "url.path", "http.url", "http.target", "url"})


def _is_account(text: str) -> bool:
    # Starts like an IBAN, which a lowercase trace id rarely does.
    return text[2:4].isdigit() and text[:2].isalpha()


def _name_of_pair(value: list[object] | tuple[object, ...]) -> str | None:
    """Returns the name if this may be a header as in ASGI and `dict.items`: a name and its value."""
    if len(value) != 2:  # noqa: PLR2004 - a pair has two
        return None
    name = value[0]
    if type(name) is bytes:
        return name.decode("latin-1")
    return name if type(name) is str else None
