"""An exception and those behind it as Sentry's exception values: bounded, with the frame that raised."""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import Any, Final, NamedTuple

from sentry_sdk.utils import serialize_frame

from otel.foreign.failure import before, members, notes_of, stack_of
from otel.foreign.names import module_name, type_name
from otel.foreign.values import error_text

_MOST_EXCEPTIONS: Final = 10
_LONGEST_MESSAGE: Final = 2048


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
    led = before(error)
    if led is not None:
        found.append((led.error, "__cause__" if led.is_cause else "__context__"))
    inside = members(error)[:_MOST_EXCEPTIONS]
    return found + [(member, f"exceptions[{number}]") for number, member in enumerate(inside)]


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
