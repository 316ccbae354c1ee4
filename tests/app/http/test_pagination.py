from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import CursorInvalid
from app.core.identifiers import SLUG_PATTERN, slug
from app.http.pagination import decode_cursor, encode_cursor


@given(st.text())
def test_a_cursor_comes_back(title: str) -> None:
    assert decode_cursor(encode_cursor(slug(title))) == slug(title)


@given(st.text())
def test_anything_else_is_refused_or_harmless(text: str) -> None:
    try:
        decoded = decode_cursor(text)
    except CursorInvalid:
        return
    assert re.fullmatch(SLUG_PATTERN, decoded)


@pytest.mark.parametrize("cursor", ["", "!", "ÄÖ", "JG5l", "eyIkbmUiOjF9"])
def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(CursorInvalid):
        decode_cursor(cursor)
