from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.identifiers import MAX_SLUG_LENGTH, SLUG_PATTERN, new_id, slug, unused_slug


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Tracing basics", "tracing-basics"),
        ("  Größe & Güte!  ", "groe-gute"),
        ("日本語", "untitled"),
        ("--", "untitled"),
        ("Ask ada@school.example", "ask-redacted"),
        ("Pay DE89 3704 0044 0532 0130 00!", "pay-redacted"),
        ("Call +49 170 1234567", "call-redacted"),
        ("4111 1111 1111 1111", "redacted"),
    ],
)
def test_a_slug_is_words_and_hyphens(title: str, expected: str) -> None:
    assert slug(title) == expected


@given(st.text())
def test_any_title_has_a_slug(title: str) -> None:
    made = slug(title)
    assert re.fullmatch(SLUG_PATTERN, made)
    assert len(made) <= MAX_SLUG_LENGTH


def test_a_taken_slug_is_numbered() -> None:
    assert unused_slug("Spans", {"spans", "spans-2"}) == "spans-3"


def test_identifiers_start_with_their_kind() -> None:
    assert re.fullmatch(r"usr_[0-9a-f]{20}", new_id("usr"))
