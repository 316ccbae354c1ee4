from __future__ import annotations

import pytest

from app.core.weak_passwords import weakness

ADA = ("ada.lovelace@example.org", "Ada Lovelace")


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        pytest.param("a" * 12, "repeats", id="one character"),
        pytest.param("\N{OWL}" * 64, "repeats", id="one character, many times"),
        pytest.param("abcabcabcabcabc", "repeats", id="a few characters"),
        pytest.param("a" * 11 + "b", "different", id="nearly one character"),
        pytest.param(" " * 12, "blanks", id="blanks"),
        pytest.param(" \t\u3000\n" * 5, "blanks", id="many kinds of blanks"),
        pytest.param("short" + " " * 20, "blanks", id="blanks around"),
        pytest.param("passwordpassword", "repeats", id="a word twice"),
        pytest.param("123456789012", "common", id="digits in order"),
        pytest.param("qwertyuiop123", "common", id="keys in order"),
        pytest.param("Password1234", "common", id="common"),
        pytest.param("QWERTYUIOP123", "common", id="common, in capitals"),
        pytest.param("ada.lovelace@example.org", "name", id="email address"),
        pytest.param("Ada.Lovelace1815", "name", id="mailbox and a year"),
        pytest.param("Lovelace, Ada!", "name", id="name"),
        pytest.param("Stegmaier 2026", "name", id="service"),
    ],
)
def test_a_password_that_is_guessed_first_is_refused(password: str, reason: str) -> None:
    assert reason in str(weakness(password, *ADA))


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "  padded but long enough  ",
        "Ada writes programs for machines",
        "k7#pQ2!vX9z$",
        "\N{OWL}ein Uhu ruft",
        "twelve chars twelve chars",
    ],
)
def test_other_passwords_are_accepted(password: str) -> None:
    assert weakness(password, *ADA) is None


def test_without_a_known_name_none_is_avoided() -> None:
    assert weakness("correct horse battery", "", "") is None
