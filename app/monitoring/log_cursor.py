"""Cursors of the log list: where a page ended, and which question it answers.

Many records may have one time, and a store returns those in any order. So a cursor has the last record's
time and the digests of all records of that time that were shown; the next page starts at it and omits them.
"""

from __future__ import annotations

import hashlib
import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from app.core.base64url import decoded, encoded
from app.core.errors import CursorInvalid, FieldError
from app.infra.stores.logs import LogRecord

LONGEST_CURSOR: Final = 1500
# Of records of one nanosecond; those beyond are left out, because a cursor must fit into a request line.
_MOST_SHOWN: Final = 360
_HEAD: Final = struct.Struct(">8sqqH")
_DIGEST: Final = 3


@dataclass(frozen=True, slots=True)
class LogCursor:
    """The place after a page: ``question`` identifies the filters, ``start`` is the range's oldest time.

    Times are nanoseconds since the epoch; ``shown`` are digests of records at ``time``.
    """

    question: bytes
    start: int
    time: int
    shown: tuple[bytes, ...]

    def text(self) -> str:
        """Returns the cursor as it is sent."""
        head = _HEAD.pack(self.question, self.start, self.time, len(self.shown))
        return encoded(head + b"".join(self.shown))

    def after(self, records: Iterable[LogRecord]) -> list[LogRecord]:
        """Returns the records without those that were shown."""
        left = Counter(self.shown)
        return [each for each in records if each.time != self.time or not _taken(left, _digest(each))]

    def following(self, page: Sequence[LogRecord]) -> LogCursor:
        """Returns the cursor after a page that is not empty and starts at this cursor."""
        last = page[-1].time
        shown = tuple(_digest(each) for each in page if each.time == last)
        earlier = self.shown if last == self.time else ()
        if len(earlier) + len(shown) > _MOST_SHOWN:
            return LogCursor(self.question, self.start, last - 1, ())
        return LogCursor(self.question, self.start, last, earlier + shown)


def read_cursor(text: str, question: bytes, longest: int) -> LogCursor:
    """Returns the cursor in ``text``.

    Args:
        text: as it was sent.
        question: identifies the filters that came with it.
        longest: the longest range in nanoseconds.

    Raises:
        CursorInvalid: It is no cursor, or one of another question.
    """
    try:
        body = decoded(text)
        asked, start, time, count = _HEAD.unpack_from(body)
    except (ValueError, struct.error):
        raise _refusal("Not a cursor of this list: start without one") from None
    digests = body[_HEAD.size :]
    if len(digests) != count * _DIGEST or not 0 <= start <= time <= start + longest:
        raise _refusal("Not a cursor of this list: start without one")
    if asked != question:
        raise _refusal("A cursor of other filters: repeat those that it came with, or start without one")
    shown = tuple(digests[place : place + _DIGEST] for place in range(0, len(digests), _DIGEST))
    return LogCursor(question, start, time, shown)


def question_of(filters: Iterable[object]) -> bytes:
    """Returns what identifies these filters."""
    return hashlib.blake2b(repr(tuple(filters)).encode(), digest_size=8).digest()


def _refusal(message: str) -> CursorInvalid:
    return CursorInvalid(errors=(FieldError("query.cursor", message, "cursor"),))


def _digest(record: LogRecord) -> bytes:
    return hashlib.blake2b(repr(record).encode(errors="replace"), digest_size=_DIGEST).digest()


def _taken(left: Counter[bytes], digest: bytes) -> bool:
    """Tells whether the digest was still there, and takes it."""
    if not left[digest]:
        return False
    left[digest] -= 1
    return True
