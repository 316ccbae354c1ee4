"""Renders log entries for a stream: one JSON line for machines, colours for people."""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Callable, Mapping
from typing import Final

import orjson
import structlog

from otel.foreign.names import type_name

Entry = dict[str, object]
Render = Callable[[Entry], str]

FIELDS: Final = "_otel_event_fields"
"""The attribute of a stdlib record in which an `EventLogger` passes its fields to the pipeline."""

SHOWN: Final = ("service.name", "service.version", "deployment.environment.name")
"""The resource attributes shown on each stream line; OTLP sends all of them once per batch."""

STACKTRACE: Final = "exception.stacktrace"
CALL_STACK: Final = "code.stacktrace"
"""Where a record was logged, if `stack_info` requests it (semantic conventions, "Code")."""

# C0, DEL and C1 controls, line and paragraph separators, and the marks that reorder text (Unicode TR 36).
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_FRAMES: Final = 5
_encode: Final = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), default=str).encode


def render_json(entry: Entry) -> str:
    """Return the entry as one line of ASCII JSON: no text in it can start a second line or move a cursor."""
    line = _fast(entry)
    if line is None or not line.isascii():
        line = _encode(entry)
    # JSON escapes all controls but DEL (RFC 8259 section 7).
    return line if "\x7f" not in line else line.replace("\x7f", "\\u007f")


def _fast(entry: Entry) -> str | None:
    """Encode with orjson at a twentieth of the cost; None if it cannot, as for a lone surrogate."""
    try:
        return orjson.dumps(entry, default=str).decode()
    except TypeError:
        return None


def pretty_renderer(*, colors: bool) -> Render:
    """Return a renderer for a terminal; controls in texts are shown as escapes, stack traces are indented."""
    console = structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=32)

    def render(entry: Entry) -> str:
        shown = {key: visible(value) for key, value in entry.items() if key not in _UNSHOWN}
        stacks = [_indented(stack) for name in _STACKS if isinstance(stack := entry.get(name), str)]
        return "\n".join([str(console(None, "", shown)), *stacks])

    return render


def failure_line(logger: str, error: BaseException | None) -> str:
    """Return the stderr line about a lost record: its logger, the error's type and where it was raised.

    The error's text is left out, because it may quote the record.
    """
    raised = traceback.extract_tb(error.__traceback__, -_FRAMES) if error is not None else []
    where = ", ".join(f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in reversed(raised))
    return f"--- Logging error --- {visible(logger)}: {type_name(type(error))} in {where or 'no frame'}\n"


_STACKS: Final = (CALL_STACK, STACKTRACE)
_UNSHOWN: Final = frozenset({*_STACKS, *SHOWN, "span_id"})


def visible(value: object) -> object:
    """Return `value` with every control character in its texts replaced by its escape."""
    if isinstance(value, str):
        return _CONTROL.sub(_escaped, value)
    if isinstance(value, Mapping):
        return {str(visible(str(key))): visible(item) for key, item in value.items()}
    if isinstance(value, list):
        return [visible(item) for item in value]
    return value


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def _indented(trace: str) -> str:
    return "\n".join(f"    | {visible(line)}" for line in trace.split("\n"))
