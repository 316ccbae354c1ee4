"""What a secret or a person's datum looks like: patterns and key names, each matched in linear time.

Unbounded repetitions are possessive and start at the start of a run, so the time grows with the text and not
with its square; `tests/otel/redaction/test_engine.py` measures that.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Final

MASK: Final = "[redacted]"
SHORTEST_SECRET: Final = 12  # a scheme and its shortest credentials; cards and keys are longer

KeyTest = Callable[[str], bool]

# RFC 5321's usual form; a run of letters is tried once, from its start.
MAIL: Final = re.compile(r"(?<![\w.%+\-])[\w.%+\-]++@(?:[\w\-]{1,63}\.){1,8}[^\W\d_]{2,24}")

# RFC 7519: two base64url JSON objects, each of which starts with '{"', then a signature that may be missing.
JWT: Final = re.compile(r"(?<![\w\-])eyJ[A-Za-z0-9_\-]{4,}+\.[A-Za-z0-9_\-]{2,}+(?:\.[A-Za-z0-9_\-]*+){0,3}")

# RFC 9110 section 11.6.2: scheme and credentials wherever they were copied to.
CREDENTIALS: Final = re.compile(
    r"\b(Bearer|Basic|Digest|Negotiate|ApiKey|Token)\s{1,3}([A-Za-z0-9._~+/=\-]{6,}+)",
    re.IGNORECASE,
)
COOKIES: Final = re.compile(
    r"((?:set-)?cookie\\?[\"']?\s{0,3}[:=]\s{0,3}\\?[\"']?)[^\r\n\"']++", re.IGNORECASE
)

# 13 to 19 digits, alone or in groups, that start like a payment card (ISO/IEC 7812); Luhn decides.
CARD: Final = re.compile(r"(?<![\w.\-])[2-6](?:[ \-]?\d){12,18}(?![\w\-])")

# Keys that their makers give a recognisable start (GitHub, Slack, Stripe, AWS, Google, GitLab, Sentry).
PREFIXED_KEY: Final = re.compile(
    r"\b(?:gh[pousr]_|github_pat_|xox[abprs]-|[srp]k_(?:live|test)_|AKIA|ASIA|AIza|glpat-|sntr[yu]s?_|sk-)"
    r"[A-Za-z0-9_\-]{10,}+",
)

# A run of base64url characters long enough to be a generated secret; `is_opaque` decides.
OPAQUE: Final = re.compile(r"[A-Za-z0-9_\-+]{24,}+")

# user:password@ in an authority (RFC 3986 section 3.2.1) and a query string.
USERINFO: Final = re.compile(r"(://)[^/\s@?#]++@")
QUERY: Final = re.compile(r"\?([^\s?#\"'<>]++)")
QUERY_VALUE: Final = re.compile(r"=[^&;]*+")
# A parameter without a value is a flag, or if it is long a value itself (`?<token of a link in a mail>`).
QUERY_BARE: Final = re.compile(r"(?<![^&;])[^&;=]{13,}+(?![^&;])")

# key=value, key: value, "key": "value" in prose, where the key alone says that the value is secret.
PAIR_KEY: Final = re.compile(r"(?<![\w.\-])([\w.\-]++)\\?[\"']?\s{0,3}[=:]\s{0,3}")
PAIR_VALUE: Final = re.compile(r"\\?\"[^\"\n]*+\"?|\\?'[^'\n]*+'?|[^\s,;&\"'(){}\[\]<>]++")

SECRET_WORDS: Final = frozenset(
    {
        "password", "passwords", "passwd", "passphrase", "pwd", "secret", "secrets", "token", "tokens", "jwt",
        "authorization", "cookie", "cookies", "credential", "credentials", "apikey", "dsn",
        "signature", "otp", "pin", "csrf", "xsrf", "session", "sessionid", "cvv", "cvc", "iban", "ssn",
    },
)  # fmt: skip
PERSONAL_WORDS: Final = frozenset(
    {"email", "mail", "mails", "emails", "phone", "birthday", "birthdate", "username"}
)
SECRET_PAIRS: Final = frozenset(
    {
        ("api", "key"), ("private", "key"), ("access", "key"), ("secret", "key"), ("signing", "key"),
        ("card", "number"), ("full", "name"), ("first", "name"), ("last", "name"), ("display", "name"),
        ("user", "name"), ("student", "name"), ("e", "mail"), ("input", "value"),
    },
)  # fmt: skip
# The last word that makes a key harmless: `token_type`, `password_length`.
HARMLESS_ENDS: Final = frozenset(
    {
        "count", "type", "kind", "length", "ttl", "seconds", "algorithm", "expired", "required", "valid",
        "size", "bytes", "remaining", "limit", "outcome",
    },
)  # fmt: skip
# Semantic conventions name an anonymous session so.
HARMLESS_KEYS: Final = frozenset({"session.id"})

_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def is_sensitive_key(key: str) -> bool:
    """Tell whether a field of this name holds a secret or a person's datum, whatever its value looks like."""
    if key.lower() in HARMLESS_KEYS:
        return False
    words = [word.lower() for word in _WORD.findall(key)]
    if not words or words[-1] in HARMLESS_ENDS:
        return False
    if any(word in SECRET_WORDS or word in PERSONAL_WORDS for word in words):
        return True
    return any(pair in SECRET_PAIRS for pair in itertools.pairwise(words))


def is_opaque(run: str) -> bool:
    """Tell whether a run of 24 or more characters looks generated: both cases and at least two digits."""
    if run.islower() or run.isupper():
        # Most long runs are trace ids, request ids and names: answered without looking at each character.
        return False
    digits = sum(character.isdigit() for character in run)
    return digits > 1 and any(map(str.islower, run)) and any(map(str.isupper, run))


def passes_luhn(number: str) -> bool:
    """Tell whether the digits of `number` end in their Luhn check digit (ISO/IEC 7812-1 annex B)."""
    total = 0
    for position, character in enumerate(reversed([c for c in number if c.isdigit()])):
        digit = int(character) * (1 + position % 2)
        total += digit - 9 if digit > 9 else digit  # noqa: PLR2004 - nine is the rule's own number
    return total % 10 == 0
