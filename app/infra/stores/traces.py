"""The trace store as the platform asks it, and the form in which both programs answer: OTLP's JSON."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel

_KINDS: Final = ("unspecified", "internal", "server", "client", "producer", "consumer")
_ERROR: Final = frozenset({"2", "STATUS_CODE_ERROR"})
_HEX_SPAN: Final = 16
_DEEPEST: Final = 8
_LONGEST_INTEGER: Final = 20


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """Something that happened during a span; ``time`` is in nanoseconds since the epoch."""

    time: int
    name: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Span:
    """A span; times are nanoseconds since the epoch, attributes are text."""

    span_id: str
    parent_id: str
    name: str
    kind: str
    service: str
    start: int
    end: int
    failed: bool
    status: str
    attributes: Mapping[str, str]
    events: tuple[SpanEvent, ...]


class TraceStore(Protocol):
    """Where traces are stored."""

    source: str

    async def trace(self, trace_id: str) -> list[Span]:
        """Returns the spans of a trace by their start; none if there is no such trace.

        Raises:
            StoreUnavailable: The store does not answer.
        """


class _Shape(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, coerce_numbers_to_str=True)


_Nanoseconds = Annotated[int, Field(ge=0, lt=2**64)]
"""OTLP's ``fixed64``: nanoseconds since the epoch."""


class _Attribute(_Shape):
    key: str
    value: dict[str, Any] = {}


class _Event(_Shape):
    time_unix_nano: _Nanoseconds = 0
    name: str = ""
    attributes: list[_Attribute] = []


class _Status(_Shape):
    code: str = ""
    message: str = ""


class _Span(_Shape):
    span_id: str
    parent_span_id: str = ""
    name: str = ""
    kind: str = "0"
    start_time_unix_nano: _Nanoseconds
    end_time_unix_nano: _Nanoseconds = 0
    attributes: list[_Attribute] = []
    events: list[_Event] = []
    status: _Status = _Status()


_SPAN: Final = TypeAdapter(_Span)


class _Scope(_Shape):
    # Each is validated by itself: pydantic holds the interpreter's lock for as long as one validation takes.
    spans: list[Any] = []


class _Resource(_Shape):
    attributes: list[_Attribute] = []


class _ResourceSpans(_Shape):
    resource: _Resource = _Resource()
    scope_spans: list[_Scope] = []


class TraceData(_Shape):
    """OTLP's ``TracesData``; Tempo calls the list ``batches`` in its older answers."""

    resource_spans: list[_ResourceSpans] = Field(
        default=[], validation_alias=AliasChoices("resourceSpans", "batches")
    )


def spans_of(data: TraceData) -> list[Span]:
    """Returns the spans by their start.

    Raises:
        ValueError: A span is none, or an id.
    """
    found = [_span(each, part) for part in data.resource_spans for each in _spans_in(part)]
    return sorted(found, key=lambda span: (span.start, -span.end))


def _spans_in(part: _ResourceSpans) -> Iterator[_Span]:
    yield from (_SPAN.validate_python(span) for scope in part.scope_spans for span in scope.spans)


def _span(span: _Span, part: _ResourceSpans) -> Span:
    return Span(
        span_id=_hex(span.span_id),
        parent_id=_hex(span.parent_span_id),
        name=span.name,
        kind=_kind(span.kind),
        service=_attributes(part.resource.attributes).get("service.name", ""),
        start=span.start_time_unix_nano,
        end=max(span.end_time_unix_nano, span.start_time_unix_nano),
        failed=span.status.code in _ERROR,
        status=span.status.message,
        attributes=_attributes(span.attributes),
        events=tuple(
            SpanEvent(each.time_unix_nano, each.name, _attributes(each.attributes)) for each in span.events
        ),
    )


def _hex(identifier: str) -> str:
    """Returns a span's id in hexadecimal: Jaeger sends that, Tempo base64 as JSON of protobuf has it."""
    if len(identifier) in {0, _HEX_SPAN}:
        return identifier.lower()
    try:
        return base64.b64decode(identifier, validate=True).hex()
    except binascii.Error as error:
        raise ValueError("not a span's id") from error


def _kind(kind: str) -> str:
    if kind.isdecimal() and int(kind) < len(_KINDS):
        return _KINDS[int(kind)]
    return kind.removeprefix("SPAN_KIND_").lower()


def _attributes(attributes: list[_Attribute]) -> dict[str, str]:
    return {each.key: _text(each.value) for each in attributes}


def _text(value: Mapping[str, Any]) -> str:
    """Returns an attribute's value as text; lists as JSON, which Jaeger stores for them."""
    plain = _plain(value, 0)
    return plain if isinstance(plain, str) else json.dumps(plain, separators=(",", ":"))


def _plain(value: object, depth: int) -> object:
    """Returns OTLP's ``AnyValue``; what is too deep, or is none, is empty text."""
    if not isinstance(value, Mapping) or depth > _DEEPEST:
        return ""
    kind, content = next(iter(value.items()), ("stringValue", ""))
    if kind == "arrayValue" and isinstance(content, Mapping):
        values = content.get("values", [])
        return [_plain(each, depth + 1) for each in values] if isinstance(values, list) else ""
    if kind == "intValue" and isinstance(content, str) and content.lstrip("-").isdecimal():
        return int(content[:_LONGEST_INTEGER])
    return content if isinstance(content, str | int | float) else ""
