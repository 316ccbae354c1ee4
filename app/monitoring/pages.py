"""Pages of a list that another program returns as a whole: in a fixed order, each after the last item."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from app.core.base64url import decoded, encoded
from app.http.pagination import cursor_refusal

LONGEST_CURSOR: Final = 400

Item = TypeVar("Item")
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """The items of a page, and the cursor of the next one."""

    items: list[Item]
    next_cursor: str | None


def page(
    items: Iterable[Item], key: Callable[[Item], Key], question: bytes, cursor: str | None, limit: int
) -> Page[Item]:
    """Returns the page after ``cursor``, in the order of ``key``, which identifies an item.

    Args:
        items: the whole list, of which some may be new or gone since the previous page.
        key: text that the items are sorted by.
        question: identifies the filters.
        cursor: as it was sent; None for the first page.
        limit: the most items.

    Raises:
        CursorInvalid: The cursor is none, or one of other filters.
    """
    after = None if cursor is None else key_of(cursor, question)
    left = sorted((each for each in items if after is None or key(each) > after), key=key)
    shown = left[:limit]
    following = cursor_of(question, key(shown[-1])) if len(left) > limit else None
    return Page(shown, following)


def cursor_of(question: bytes, key: Key) -> str:
    """Returns the cursor of the page after the item of this key; ``question`` identifies the filters."""
    text = json.dumps([question.hex(), *key], separators=(",", ":"))
    return encoded(text.encode())


def key_of(cursor: str, question: bytes) -> Key:
    """Returns the key in a cursor.

    Raises:
        CursorInvalid: It is no cursor, or one of other filters.
    """
    try:
        found = json.loads(decoded(cursor))
    except (ValueError, RecursionError):
        raise cursor_refusal() from None
    if not isinstance(found, list) or not all(isinstance(part, str) for part in found):
        raise cursor_refusal()
    asked, *key = found or [""]
    if asked != question.hex() or not key:
        raise cursor_refusal()
    return tuple(key)
