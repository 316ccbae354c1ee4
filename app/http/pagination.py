"""Cursor pagination: each page carries an opaque cursor to the next one."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import Depends, Query

from app.core.base64url import decoded, encoded
from app.core.errors import CursorInvalid, FieldError
from app.core.identifiers import SLUG_PATTERN

DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 100


def encode_cursor(last_id: str) -> str:
    """Returns the cursor of the page that starts after ``last_id``."""
    return encoded(last_id.encode())


def decode_cursor(cursor: str) -> str:
    """Returns the identifier inside a cursor.

    Raises:
        CursorInvalid: We did not issue this cursor.
    """
    try:
        last_id = decoded(cursor).decode()
    except ValueError as error:
        raise cursor_refusal() from error
    if not re.fullmatch(SLUG_PATTERN, last_id):
        raise cursor_refusal()
    return last_id


def cursor_refusal() -> CursorInvalid:
    """Returns the refusal of a cursor that belongs to no list, or to another one."""
    return CursorInvalid(errors=(FieldError("query.cursor", "Not a cursor for this list", "cursor"),))


def _after(
    cursor: Annotated[
        str | None,
        Query(
            max_length=200,
            description="`next_cursor` of the previous page.",
            examples=["dHJhY2luZy1iYXNpY3M"],
        ),
    ] = None,
) -> str | None:
    return None if cursor is None else decode_cursor(cursor)


After = Annotated[str | None, Depends(_after)]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Items per page.")]
