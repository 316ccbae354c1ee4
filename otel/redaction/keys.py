"""Names of fields whose value is masked whatever it looks like, as one pattern for the library and the Collector.

A hyphen in the lists stands for an optional `_`, `.` or `-`: `api-key` is `api_key`, `api.key`, `apiKey` and
`apikey`. Sources besides our own: sentry-sdk's `DEFAULT_DENYLIST` and `DEFAULT_PII_DENYLIST`, and the user
attributes of the semantic conventions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

# Also in the middle of a run-together name: `dbpassword`, `csrftoken`, `clientsecret`.
_ANYWHERE: Final = """
    password passwd passphrase passcode pwd secret token credential cookie csrf xsrf jwt
    api-key api-keys private-key access-key secret-key signing-key encryption-key sentry-key auth-header
    access-tokens refresh-tokens auth-tokens bearer-tokens api-tokens passwords secrets credentials cookies
    email emails e-mail phone-number mobile-number card-number credit-card birth-date birth-day date-of-birth
    first-name last-name full-name given-name family-name middle-name maiden-name surname nick-name
    user-name real-name display-name student-name
""".split()
# Only as words of their own: `pin` is no part of `shipping`.
_WORDS: Final = """
    mail mails phone telephone mobile-phone iban ssn cvv cvc dsn otp totp pin signature sid passport dob msisdn
    postal-code postal-address remote-addr remote-address ip-address client-ip x-forwarded-for x-real-ip
""".split()
# Only as the last word: `grade` names a value, `grade.scale` does not.
_LAST: Final = """
    auth authorization session sessions forwarded symfony mobile street grade answer answers
    submission input-value user-hash
""".split()
# What may follow without a separator: `passwordhash`.
_ENDINGS: Final = "hash|value|key|id|data|string|text|number|address|header"
# The last word that makes a name harmless: `token_type`, `password_length`.
_HARMLESS_ENDS: Final = """
    type count length size limit ttl seconds bytes required valid expired algorithm
""".split()

# People's addresses on the network. Ours are shortened where they are read (`client.address`) or are those of
# our own servers, so only the Collector masks them: for senders that do neither.
FOREIGN_KEYS: Final = (
    r"^(client|source|network\.peer)\.address$",
    r"^(net\.peer\.ip|net\.sock\.peer\.addr|http\.client_ip)$",
    # The library masks the values of a query and keeps its names.
    r"^url\.query$",
)


def _alternatives(names: Iterable[str], separator: str = "[_.-]?") -> str:
    return "|".join(name.replace("-", separator) for name in names)


def _after_a_small_letter(names: Iterable[str]) -> str:
    # `userPin`, `quizAnswers`
    return _alternatives(name.title().replace("-", "") for name in names)


def _ends_otherwise(words: list[str]) -> tuple[str, str]:
    """Returns patterns for endings that none of `words` can complete: RE2 has no "does not end in".

    An ending is what is left of a word without its first letters. The first pattern is such an ending alone,
    the second one with a character before it that continues no word.
    """
    endings = {word[start:] for word in words for start in range(1, len(word) + 1)}
    open_ends = sorted(end for end in endings if not end.endswith(tuple(words)))
    continued = []
    for end in open_ends:
        letters = {word[-len(end) - 1] for word in words if word.endswith(end) and word != end}
        others = "".join(letter for letter in "abcdefghijklmnopqrstuvwxyz" if letter not in letters)
        continued.append(rf"[{others}\d_.\-]{end}")
    return "|".join(end for end in open_ends if end), "|".join(continued)


_ALONE, _CONTINUED = _ends_otherwise(_HARMLESS_ENDS)
_REST: Final = (
    rf"(?i:{_ENDINGS})?"
    rf"(?:[A-Z\d_.\-]|[\d_.\-](?i:{_ALONE})|[A-Z\d_.\-](?i:[\w.\-]*(?:{_CONTINUED})))?"
)
_BOUNDARY: Final = r"(?:\b|[_\d])"

KEY: Final = (
    # The semantic conventions name an anonymous session `session.id`, and count a model's `input_tokens`.
    rf"(?:(?:(?i:{_alternatives(_ANYWHERE)}|sess(?:ion)?[_-]?id)|{_BOUNDARY}(?i:{_alternatives(_WORDS)})"
    rf"|[a-z\d](?:{_after_a_small_letter(_WORDS)})){_REST}"
    rf"|\b(?i:tokens)|{_BOUNDARY}(?i:{_alternatives(_LAST)})|[a-z\d](?:{_after_a_small_letter(_LAST)}))"
)
"""The end of a sensitive name. What follows a name, the user of the pattern adds: `$` or a colon."""

_SENSITIVE: Final = re.compile(KEY + "$", re.ASCII)
_LONGEST: Final = 256


def is_sensitive_key(key: str) -> bool:
    """Tells whether a field of this name holds a secret or a person's datum, whatever its value looks like.

    No field has a name of more than 256 characters: the value of a longer one is masked.
    """
    return len(key) > _LONGEST or _SENSITIVE.search(key) is not None
