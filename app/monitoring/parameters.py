"""Query parameters of the monitoring API: unknown ones are refused, and times and durations are read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Annotated, Final

from fastapi import Request, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute
from pydantic import AfterValidator, BeforeValidator, StringConstraints, WithJsonSchema

from app.core.durations import UNITS
from app.core.errors import FieldError, Invalid

_DURATION: Final = re.compile(r"([1-9][0-9]{0,5})(s|m|h|d)")
# RFC 3339, 5.6; `fromisoformat` alone takes more.
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_FIRST: Final = datetime(1970, 1, 2, tzinfo=UTC)
_LAST: Final = datetime(2200, 1, 1, tzinfo=UTC)


async def require_known_parameters(request: Request) -> None:
    """Refuses query parameters that the operation does not have, and those that are sent twice.

    Raises:
        Invalid: There is one; the errors name each.
    """
    route = request.scope.get("route")
    if not request.query_params or not isinstance(route, APIRoute):
        return
    errors = tuple(_mistakes(request, _parameters(route)))
    if errors:
        raise Invalid(count=len(errors), errors=errors)


def _mistakes(request: Request, known: frozenset[str]) -> Iterator[FieldError]:
    for name in request.query_params:
        if name not in known:
            near = get_close_matches(name, sorted(known), n=1)
            fix = f"did you mean {near[0]}?" if near else _listed(known)
            yield FieldError(
                f"query.{name}", f"Not a parameter of this operation: {fix}", "unknown_parameter"
            )
        elif len(request.query_params.getlist(name)) > 1:
            yield FieldError(f"query.{name}", "Sent more than once: send it once", "repeated_parameter")


def _listed(known: frozenset[str]) -> str:
    return f"it has {', '.join(sorted(known))}" if known else "it has none"


def _parameters(route: APIRoute) -> frozenset[str]:
    # A field of a model of parameters does not say where it is sent: models are used for queries only.
    elsewhere = (params.Path, params.Header, params.Cookie)
    fields = get_flat_params(route.dependant)
    return frozenset(field.alias for field in fields if not isinstance(field.field_info, elsewhere))


def _duration(text: object) -> timedelta:
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("must be a duration such as 90s, 15m, 12h or 7d")
    return timedelta(seconds=int(match[1]) * UNITS[match[2]])


def _time(text: object) -> datetime:
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        # A plus in a query is a space.
        raise ValueError("must be a time such as 2026-01-05T09:00:00Z (RFC 3339); write + as %2B")
    return datetime.fromisoformat(text.upper())


def near(moment: datetime) -> datetime:
    """Returns a moment that the stores can hold; raises ValueError for any other."""
    if not _FIRST <= moment <= _LAST:
        raise ValueError("must be between the years 1970 and 2200")
    return moment


TraceId = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-fA-F]{32}$", max_length=32), AfterValidator(str.lower)
]
"""A trace's id (W3C Trace Context), returned in lower case."""


def at_most(longest: timedelta) -> AfterValidator:
    """Returns a validator of durations up to ``longest``."""

    def check(value: timedelta) -> timedelta:
        if value > longest:
            raise ValueError(f"must be at most {longest.days}d")
        return value

    return AfterValidator(check)


DurationText = Annotated[
    timedelta,
    BeforeValidator(_duration),
    WithJsonSchema(
        {"type": "string", "maxLength": 7, "pattern": f"^{_DURATION.pattern}$", "examples": ["15m"]}
    ),
]
"""A duration as in ``15m``."""

TimeText = Annotated[
    datetime,
    BeforeValidator(_time),
    AfterValidator(near),
    WithJsonSchema(
        {"type": "string", "maxLength": 35, "format": "date-time", "examples": ["2026-01-05T09:00:00Z"]}
    ),
]
"""A time as in RFC 3339."""
