"""Turns whatever callers pass to a span into bounded values that the SDK and the exporters can carry."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode

from otel.foreign.names import is_scalar, shortened
from otel.foreign.values import LONGEST, MOST_ITEMS, Budget, items_of, text_of

_LONGEST_SEQUENCE: Final = 128
_LONGEST_NAME: Final = 1024
_LATEST: Final = 2**63  # nanoseconds; OTLP has 64 bits for a time


def clean_value(value: Any, budget: Budget) -> Any:  # noqa: ANN401 - accepts anything, returns what the SDK accepts
    """Returns a plain value or a short sequence of plain values as it is, anything else as a bounded copy."""
    kind = type(value)
    if (
        (kind is tuple or kind is list)
        and len(value) <= _LONGEST_SEQUENCE
        and all(_is_short(each) for each in value)
    ):
        return tuple(value)
    return budget.value(value)


def _is_short(value: object) -> bool:
    return is_scalar(value) and (type(value) is not str or len(value) <= LONGEST // _LONGEST_SEQUENCE)


def clean_key(key: Any) -> str:  # noqa: ANN401 - a caller may pass a key that is not a string
    """Returns the key, or an empty one if it is not a string: the SDK drops and counts that attribute."""
    return key if type(key) is str else str.__str__(key) if issubclass(type(key), str) else ""


def clean_attributes(attributes: Any, budget: Budget) -> dict[str, Any]:  # noqa: ANN401 - as above
    """Returns a clean copy of a mapping of attributes; an empty one if it is not a mapping."""
    if not issubclass(type(attributes), Mapping):
        return {}
    cleaned: dict[str, Any] = {}
    taken = items_of(attributes, MOST_ITEMS + 1)
    for key, value in taken[:MOST_ITEMS]:
        plain = is_scalar(value) and type(key) is str
        cleaned[key if plain else clean_key(key)] = value if plain else clean_value(value, budget)
    budget.cut += len(taken) > MOST_ITEMS
    return cleaned


def clean_links(links: Any, budget: Budget) -> list[Link]:  # noqa: ANN401 - as above
    """Returns clean copies of the links; anything else is left out."""
    return [
        Link(link.context, clean_attributes(link.attributes, budget))
        for link in islice(iter(links), _LONGEST_SEQUENCE)
        if issubclass(type(link), Link) and issubclass(type(link.context), SpanContext)
    ]


def clean_name(name: object) -> str:
    """Returns the name of a span or an event as bounded text."""
    return name if type(name) is str else text_of(name, _LONGEST_NAME)


def clean_kind(kind: object) -> SpanKind:
    """Returns the kind, or INTERNAL if it is not one."""
    return kind if type(kind) is SpanKind else SpanKind.INTERNAL


def clean_time(moment: Any) -> int | None:  # noqa: ANN401 - as above
    """Returns nanoseconds since the epoch, or None (meaning now) if it is not such a time."""
    if type(moment) is float and math.isfinite(moment):
        moment = int(moment)
    return moment if type(moment) is int and 0 <= moment < _LATEST else None


def clean_status(status: Any, description: object) -> Status | None:  # noqa: ANN401 - as above
    """Returns the status that the two arguments of `set_status` describe, or None if they describe none."""
    if type(status) is StatusCode:
        text = None if description is None else text_of(description)
        return Status(status, text if status is StatusCode.ERROR else None)
    if not issubclass(type(status), Status) or type(status.status_code) is not StatusCode:
        return None
    given: Status = status
    text = given.description
    if text is None or len(text) <= LONGEST:
        return given
    return Status(given.status_code, shortened(text, LONGEST))
