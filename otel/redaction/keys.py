"""Names of fields whose value is always masked, as one pattern for the library and the Collector.

Sources besides our own: sentry-sdk's `DEFAULT_DENYLIST` and `DEFAULT_PII_DENYLIST`, and the user
attributes of the semantic conventions.
"""

from __future__ import annotations

import re
import string
from typing import Final

# Each list is sorted: RE2 then tries a common prefix once, which halves the Collector's cost.
# Matched also inside a run-together name: `dbpassword`, `csrftoken`, `clientsecret`.
_ANYWHERE: Final = r"""
    cookies? credentials? csrf e[_.-]?mails? jwt pass(code|phrase|wd|words?) pwd secrets? token xsrf
"""
# Matched only as separate words: `shipping` contains no `pin`.
_WORDS: Final = r"""
    access[_.-]?keys? access[_.-]?tokens api[_.-]?keys? auth[_.-]?tokens birth[_.-]?(date|day)
    card[_.-]?(no|number) client[_.-]?ip credit[_.-]?card cv[cv] date[_.-]?of[_.-]?birth display[_.-]?name
    dob dsn encryption[_.-]?key family[_.-]?name first[_.-]?name full[_.-]?name given[_.-]?name iban
    ip[_.-]?address jsession[_-]?id last[_.-]?name mails? maiden[_.-]?name middle[_.-]?name
    mobile[_.-]?(number|phone) msisdn nick[_.-]?name otp passport phone([_.-]?(no|number))? phpsess[_-]?id
    pin postal[_.-]?(address|code) private[_.-]?key real[_.-]?name refresh[_.-]?tokens
    remote[_.-]?addr(ess)? secret[_.-]?key sentry[_.-]?key sess(ion)?[_-]?id sid signature signing[_.-]?key
    ssn student[_.-]?name surname telephone totp user[_.-]?name x[_.-]?forwarded[_.-]?for
    x[_.-]?real[_.-]?ip
"""
# Matched only as the last word: `submission` is content, `submission_id` is not. In the semantic conventions
# `session.id` is an anonymous session.
_LAST: Final = r"""
    answers? auth(orization|[_.-]?header)? forwarded grade input[_.-]?value mobile sessions? street submission
    symfony user[_.-]?hash
"""
# The same words inside a camel-case name: `userPin`, `quizAnswers`.
_INNER: Final = """
    Answers? ApiKey CardNumber Dob FirstName FullName Grade Iban LastName Mail Otp Phone Pin SessionId Sid Ssn
    Street UserName
"""
# Suffixes that may follow without a separator: `passwordhash`.
_ENDINGS: Final = "address data hash header id key number string text value"
# A last word that makes a name harmless: `token_type`, `password_length`.
_HARMLESS_ENDS: Final = ["type", "count", "length", "size", "limit", "ttl", "seconds", "bytes", "valid"]

# People's network addresses. The library shortens them where it reads them (`client.address`), and its others
# are those of our own servers, so only the Collector masks them, for senders that do neither.
FOREIGN_KEYS: Final = (
    r"^(client|source|network\.peer)\.address$",
    r"^(net\.peer\.ip|net\.sock\.peer\.addr|http\.client_ip)$",
    # The library masks the values in a query and keeps the names.
    r"^url\.query$",
)


def _any(names: str) -> str:
    return "|".join(names.split()).replace("(", "(?:")


def _ends_otherwise(words: list[str]) -> tuple[str, str]:
    """Returns patterns for endings that complete none of `words`: RE2 has no "does not end in".

    An ending is a word without its first letters. The first pattern is such an ending alone, the second
    has a character before it that continues no word.
    """
    endings = {word[start:] for word in words for start in range(1, len(word) + 1)}
    open_ends = sorted(end for end in endings if not end.endswith(tuple(words)))
    continued = []
    for end in open_ends:
        letters = {word[-len(end) - 1] for word in words if word.endswith(end) and word != end}
        continued.append(rf"[{_letters_without(letters)}\d_.\-]{end}")
    return "|".join(end for end in open_ends if end), "|".join(continued)


def _letters_without(some: set[str]) -> str:
    """Returns all other lowercase letters as ranges of a character class."""
    runs = re.split(f"[{''.join(some)}]", string.ascii_lowercase) if some else [string.ascii_lowercase]
    return "".join(f"{run[0]}-{run[-1]}" if run else "" for run in runs)


_ALONE, _CONTINUED = _ends_otherwise(_HARMLESS_ENDS)


def _name(rest: str, anywhere: str, others: str = "") -> str:
    return (
        rf"(?:{anywhere}(?:{rest})?"
        rf"|\b(?:(?i:tokens){others})|(?:\b|_)(?i:(?:{_any(_WORDS)})(?-i:{rest})?|{_any(_LAST)}))"
    )


KEY: Final = (
    _name(
        rf"[A-Z\d_.\-]|[\d_.\-](?i:{_ALONE})|[A-Z\d_.\-](?i:[\w.\-]*(?:{_CONTINUED}))",
        rf"(?:(?i:(?:{_any(_ANYWHERE)})(?:{_any(_ENDINGS)})?)|[a-z\d](?:{_any(_INNER)}))",
    )
    + "$"
)
"""Matches a sensitive name up to its end."""

NAME_IN_TEXT: Final = _name(
    r"[A-Z\d_.\-][\w.\-]*",
    rf"(?i:{_any(_ANYWHERE)})",
    r"|(?:client|source|network\.peer)\.address|url\.query",
)
"""The same for the Collector's texts, without the parts that would double its cost.

A harmless end does not count, and `userPin` and `passwordhash` are not recognised.
"""

_SENSITIVE: Final = re.compile(KEY, re.ASCII)
_LONGEST: Final = 256


def is_sensitive_key(key: str) -> bool:
    """Returns whether a field of this name holds a secret or personal data, whatever its value looks like.

    A name of more than 256 characters always counts as sensitive.
    """
    return len(key) > _LONGEST or _SENSITIVE.search(key) is not None
