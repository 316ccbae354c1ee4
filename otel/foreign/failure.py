"""Formats an exception with its stack, causes and group members as Python prints them, but bounded.

`traceback.format_exception` visits everything reachable from an exception: nested groups may hold 15**10
members, a chain of retries thousands of causes with a thousand frames each.
"""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from types import TracebackType
from typing import Any, Final, NamedTuple

from otel.foreign.names import CUT, full_type_name, shortened, unprintable
from otel.foreign.values import Budget

LONGEST_STACK: Final = 12_288
MOST_ERRORS: Final = 10
"""How many exceptions of one chain and its groups are shown."""

FIRST_FRAMES, LAST_FRAMES = 10, 40
"""How many frames of one exception are shown: the outermost, and the innermost, where it was raised."""

_LONGEST_MESSAGE: Final = 2048
_LONGEST_LINE: Final = 400
_MOST_NOTES: Final = 5
_MOST_COUNTED: Final = 100

# The getters of `BaseException` itself: a subclass may override the attributes with its own code.
_traceback: Final[Any] = BaseException.__dict__["__traceback__"].__get__
_cause: Final[Any] = BaseException.__dict__["__cause__"].__get__
_context: Final[Any] = BaseException.__dict__["__context__"].__get__
_is_suppressed: Final[Any] = BaseException.__dict__["__suppress_context__"].__get__
_members: Final[Any] = BaseExceptionGroup.__dict__["exceptions"].__get__

_CAUSED: Final = "\nThe above exception was the direct cause of the following exception:\n\n"
_MEANWHILE: Final = "\nDuring handling of the above exception, another exception occurred:\n\n"


def stack_text(error: BaseException) -> str:
    """Returns stack, causes and group of any exception as text of about 12,288 characters; never raises.

    At most 10 exceptions are shown, with at most 50 frames and 2,048 characters of message each; the given
    one takes precedence. A mark says what was left out.
    """
    return "".join(stack_pieces(error))


def stack_pieces(error: BaseException) -> list[str]:
    """Returns the same in pieces of a frame or a message each: frames repeat from failure to failure."""
    cached = _CACHED.get()
    if cached is not None and cached[0] is error:
        return cached[1]
    try:
        return _Formatted(error).pieces()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # noqa: BLE001 - source loaders and properties are foreign code, too
        return [unprintable(type(error))]


@contextmanager
def told_once(error: BaseException) -> Iterator[None]:
    """Formats this exception once for all callers of `stack_pieces` and `stack_text` inside the block."""
    token = _CACHED.set((error, stack_pieces(error)))
    try:
        yield
    finally:
        _CACHED.reset(token)


_CACHED: Final[ContextVar[tuple[BaseException, list[str]] | None]] = ContextVar(
    "otel.stack_pieces", default=None
)


class Preceding(NamedTuple):
    """An exception that led to another: its direct cause, or the one that was being handled."""

    error: BaseException
    is_cause: bool


def before(error: BaseException) -> Preceding | None:
    """Returns the exception that led to this one, or None if there is none or it is suppressed."""
    cause = _cause(error)
    if cause is not None:
        return Preceding(cause, is_cause=True)
    context = _context(error)
    return None if context is None or _is_suppressed(error) else Preceding(context, is_cause=False)


def stack_of(error: BaseException) -> TracebackType | None:
    """Returns the outermost entry of an exception's traceback, or None if it was not raised."""
    found: TracebackType | None = _traceback(error)
    return found


def members(error: BaseException) -> tuple[BaseException, ...]:
    """Returns the exceptions of a group; an empty tuple for any other exception."""
    found: tuple[BaseException, ...] = _members(error) if issubclass(type(error), BaseExceptionGroup) else ()
    return found


def frames(error: BaseException) -> tuple[list[TracebackType], int, list[TracebackType]]:
    """Returns the first 10 frames of an exception, how many are left out, and the last 40 frames."""
    walk = _walk(stack_of(error))
    first = list(islice(walk, FIRST_FRAMES))
    last: deque[TracebackType] = deque(maxlen=LAST_FRAMES)
    count = 0
    for each in walk:
        last.append(each)
        count += 1
    return first, count - len(last), list(last)


def _walk(step: TracebackType | None) -> Iterator[TracebackType]:
    while step is not None:
        yield step
        step = step.tb_next


class _Formatted:
    def __init__(self, error: BaseException) -> None:
        self._error = error
        self._left = MOST_ERRORS
        self._room = LONGEST_STACK
        self._seen: set[int] = set()

    def pieces(self) -> list[str]:
        return self._chain(self._error, "")

    def _chain(self, error: BaseException, margin: str) -> list[str]:
        """Returns the pieces of an exception and of those that led to it, oldest first, as Python does."""
        pieces: list[str] = []
        latest: Preceding | None = Preceding(error, is_cause=True)
        link = ""
        while latest is not None and id(latest.error) not in self._seen:
            error = latest.error
            if self._left <= 0 or self._room <= 0:
                earlier = _length_of_chain(error, self._seen)
                more = " or more" if earlier == _MOST_COUNTED else ""
                return [f"{margin}{CUT} {earlier}{more} earlier exceptions\n", *pieces]
            pieces = [*self._one(error, margin), _indented(link, margin), *pieces]
            latest = before(error)
            link = _CAUSED if latest is not None and latest.is_cause else _MEANWHILE
        return pieces

    def _one(self, error: BaseException, margin: str) -> list[str]:
        self._left -= 1
        self._seen.add(id(error))
        kept = _fitted([_indented(piece, margin) for piece in _own(error)], self._room)
        self._room -= sum(map(len, kept))
        return kept + self._group(members(error), margin + "  | ")

    def _group(self, group: tuple[BaseException, ...], margin: str) -> list[str]:
        pieces: list[str] = []
        for number, member in enumerate(group):
            if self._left <= 0 or self._room <= 0:
                return [*pieces, f"{margin}{CUT} {len(group) - number} more\n"]
            pieces += [f"{margin}---- {number + 1} of {len(group)} ----\n", *self._chain(member, margin)]
        return pieces


def _fitted(pieces: list[str], room: int) -> list[str]:
    """Returns the message, which is the last piece, and the frames that fit, favouring the innermost."""
    if sum(map(len, pieces)) <= room:
        return pieces
    stack, message = pieces[:-1], shortened(pieces[-1], max(room, 0))
    room -= len(message)
    outermost = _that_fit(stack, room // 4)
    innermost = _that_fit(reversed(stack), room - sum(map(len, outermost)))
    return [*outermost, f"  {CUT}\n", *reversed(innermost), message]


def _that_fit(pieces: Iterable[str], room: int) -> list[str]:
    kept: list[str] = []
    for piece in pieces:
        room -= len(piece)
        if room < 0:
            break
        kept.append(piece)
    return kept


def _own(error: BaseException) -> Iterator[str]:
    first, left_out, last = frames(error)
    if first:
        yield "Traceback (most recent call last):\n"
        yield from _lines(first)
        if left_out:
            yield f"  {CUT} {left_out} frames\n"
        yield from _lines(last)
    message = Budget(room=_LONGEST_MESSAGE).error(error)
    name = full_type_name(type(error))
    lines = [f"{name}: {message}" if message else name, *notes_of(error)]
    yield "\n".join(lines) + "\n"


def _lines(steps: list[TracebackType]) -> Iterator[str]:
    walked = ((step.tb_frame, step.tb_lineno) for step in steps)
    for line in traceback.StackSummary.extract(walked, lookup_lines=True).format():
        yield line if len(line) <= _LONGEST_LINE else shortened(line, _LONGEST_LINE) + "\n"


def notes_of(error: BaseException) -> list[str]:
    """Returns the first 5 notes of an exception (PEP 678), at most 2,048 characters in all."""
    try:
        notes = object.__getattribute__(error, "__notes__")
    except AttributeError:
        return []
    budget = Budget(room=_LONGEST_MESSAGE)
    return [str(budget.value(note)) for note in (notes[:_MOST_NOTES] if type(notes) is list else [notes])]


def _indented(text: str, margin: str) -> str:
    return text if not margin else "".join(margin + line for line in text.splitlines(keepends=True))


def _length_of_chain(error: BaseException, seen: set[int]) -> int:
    count, counted = 0, set(seen)
    latest: Preceding | None = Preceding(error, is_cause=True)
    while latest is not None and id(latest.error) not in counted and count < _MOST_COUNTED:
        counted.add(id(latest.error))
        count += 1
        latest = before(latest.error)
    return count


def shortened_in_the_middle(text: str, longest: int) -> str:
    """Returns the text, or its first and last lines: they say more about a stack than the middle does."""
    if len(text) <= longest:
        return text
    half = max(longest - len(CUT) - 2, 0) // 2
    end = text[len(text) - half :].partition("\n")[2] if half else ""
    return f"{text[:half].rpartition(chr(10))[0]}\n{CUT}\n{end}"
