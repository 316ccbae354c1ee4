"""Turns an exception and its causes into Sentry's exception values: bounded, but with the raising frame."""

from __future__ import annotations

import linecache
from collections import deque
from types import TracebackType
from typing import Any, Final, NamedTuple

from sentry_sdk.utils import serialize_frame

from otel.foreign.failure import before, members, notes_of, stack_of
from otel.foreign.names import module_name, shortened, type_name
from otel.foreign.values import error_text

_MOST_EXCEPTIONS: Final = 10
_LONGEST_MESSAGE: Final = 2048
_LONGEST_LINE: Final = 400
_AROUND: Final = 5


class _Kept(NamedTuple):
    """How many frames are kept at each end of a stack, and how many of the innermost show their source."""

    outermost: int
    innermost: int
    with_source: int


_REPORTED: Final = _Kept(15, 35, 20)
_BEHIND: Final = _Kept(3, 7, 1)


def exception_values(error: BaseException, options: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns `error` as the last value, preceded by its causes and the members of its groups, 10 in all.

    However deep a stack is, both ends are kept, including the raising frame; `frames_omitted` gives the range
    left out. sentry-sdk (2.75) bounds neither the length of a chain nor the cost of a report, and drops
    stacks of more than 2,000 frames. https://develop.sentry.dev/sdk/data-model/event-payloads/exception/
    """
    values: list[dict[str, Any]] = []
    seen = {id(error)}
    waiting: deque[tuple[BaseException, str | None, int | None]] = deque([(error, None, None)])
    while waiting and len(values) < _MOST_EXCEPTIONS:
        each, source, parent = waiting.popleft()
        number = len(values)
        kept = _BEHIND if number else _REPORTED
        values.append(_value(each, number, parent, source) | _stack(stack_of(each), kept, options))
        for behind, how in _behind(each):
            if id(behind) not in seen:
                seen.add(id(behind))
                waiting.append((behind, how, number))
    return values[::-1]


def _value(error: BaseException, number: int, parent: int | None, source: str | None) -> dict[str, Any]:
    mechanism: dict[str, Any] = {"type": "otel", "handled": False, "exception_id": number}
    if parent is not None:
        mechanism |= {"type": "chained", "parent_id": parent, "source": source}
    if issubclass(type(error), BaseExceptionGroup):
        mechanism["is_exception_group"] = True
    return {
        "mechanism": mechanism,
        "module": module_name(type(error)),
        "type": type_name(type(error)),
        "value": "\n".join([error_text(error, _LONGEST_MESSAGE), *notes_of(error)]),
    }


def _behind(error: BaseException) -> list[tuple[BaseException, str]]:
    found: list[tuple[BaseException, str]] = []
    preceding = before(error)
    if preceding is not None:
        found.append((preceding.error, "__cause__" if preceding.is_cause else "__context__"))
    inside = members(error)[:_MOST_EXCEPTIONS]
    return found + [(member, f"exceptions[{number}]") for number, member in enumerate(inside)]


def _stack(stack: TracebackType | None, kept: _Kept, options: dict[str, Any]) -> dict[str, Any]:
    """Returns `stacktrace` with the frames at both ends; an empty dict for an exception never raised."""
    if stack is None:
        return {}
    outermost: list[TracebackType] = []
    innermost: deque[TracebackType] = deque(maxlen=kept.innermost)
    depth = 0
    while stack is not None:
        (outermost if depth < kept.outermost else innermost).append(stack)
        depth += 1
        stack = stack.tb_next
    ends = [*outermost, *innermost]
    bare = len(ends) - kept.with_source
    frames = [
        _frame(each, options) | (_source(each) if number >= bare else {}) for number, each in enumerate(ends)
    ]
    described: dict[str, Any] = {"frames": frames}
    if depth > len(ends):
        described["frames_omitted"] = [kept.outermost, depth - kept.innermost]
    return {"stacktrace": described}


def _frame(step: TracebackType, options: dict[str, Any]) -> dict[str, Any]:
    return serialize_frame(
        step.tb_frame,
        step.tb_lineno,
        include_local_variables=False,
        include_source_context=False,
        max_value_length=options["max_value_length"],
    )


def _source(step: TracebackType) -> dict[str, Any]:
    """Returns the frame's line and five around it; sentry-sdk would re-read the whole file for each frame."""
    code = step.tb_frame.f_code
    linecache.lazycache(code.co_filename, step.tb_frame.f_globals)
    lines = linecache.getlines(code.co_filename)
    number = step.tb_lineno - 1
    if not 0 <= number < len(lines):
        return {}
    first = max(number - _AROUND, 0)
    shown = [shortened(line.rstrip("\r\n"), _LONGEST_LINE) for line in lines[first : number + _AROUND + 1]]
    before_it = number - first
    return {
        "pre_context": shown[:before_it],
        "context_line": shown[before_it],
        "post_context": shown[before_it + 1 :],
    }
