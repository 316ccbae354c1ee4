"""An exception and those behind it as Sentry's exception values: bounded, with the frame that raised."""

from __future__ import annotations

from collections import deque
from itertools import islice
from types import TracebackType
from typing import Any, Final, NamedTuple

from sentry_sdk.utils import serialize_frame, single_exception_from_error_tuple

_MOST_EXCEPTIONS: Final = 10
_MECHANISM: Final = {"type": "otel", "handled": False}


class _Kept(NamedTuple):
    """How many frames stay at both ends of a stack, and how many of the innermost show their source."""

    outermost: int
    innermost: int
    with_source: int


_REPORTED: Final = _Kept(15, 35, 20)
_BEHIND: Final = _Kept(3, 7, 3)


def exception_values(error: BaseException, options: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns `error` as the last value, before it its causes and the members of its groups, 10 in all.

    However deep a stack is, its ends stay, the frame that raised among them; `frames_omitted` says which
    are missing. sentry-sdk (2.75) bounds neither chains nor what a report costs, and drops a stack of more
    than 2,000 frames. https://develop.sentry.dev/sdk/data-model/event-payloads/exception/
    """
    values: list[dict[str, Any]] = []
    seen = {id(error)}
    waiting: deque[tuple[BaseException, str | None, int | None]] = deque([(error, None, None)])
    while waiting and len(values) < _MOST_EXCEPTIONS:
        each, source, parent = waiting.popleft()
        number = len(values)
        value = single_exception_from_error_tuple(
            type(each), each, None, options, _MECHANISM, number, parent, source
        )
        values.append(value | _stack(each.__traceback__, _BEHIND if number else _REPORTED, options))
        for behind, how in _behind(each):
            if id(behind) not in seen:
                seen.add(id(behind))
                waiting.append((behind, how, number))
    return values[::-1]


def _behind(error: BaseException) -> list[tuple[BaseException, str]]:
    found: list[tuple[BaseException, str]] = []
    if error.__cause__ is not None:
        found.append((error.__cause__, "__cause__"))
    elif error.__context__ is not None and not error.__suppress_context__:
        found.append((error.__context__, "__context__"))
    if isinstance(error, BaseExceptionGroup):
        members = islice(error.exceptions, _MOST_EXCEPTIONS)
        found += [(member, f"exceptions[{number}]") for number, member in enumerate(members)]
    return found


def _stack(stack: TracebackType | None, kept: _Kept, options: dict[str, Any]) -> dict[str, Any]:
    """Returns `stacktrace` with the frames of both ends; nothing for an exception that was not raised."""
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
    described: dict[str, Any] = {
        "frames": [
            serialize_frame(
                each.tb_frame,
                each.tb_lineno,
                include_local_variables=False,
                include_source_context=left <= kept.with_source,
                max_value_length=options["max_value_length"],
            )
            for left, each in zip(range(len(ends), 0, -1), ends, strict=True)
        ]
    }
    if depth > len(ends):
        described["frames_omitted"] = [kept.outermost, depth - kept.innermost]
    return {"stacktrace": described}
