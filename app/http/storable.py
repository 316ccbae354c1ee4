"""Refuses text that no database can store, anywhere in a request, before anything is done with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any, Final, TypeVar

from fastapi import Request

from app.core.errors import MAX_FIELD_ERRORS, FieldError, Invalid

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
# A body can hold such text only with an escape, with a surrogate in UTF-8, or in UTF-16 and UTF-32.
_SUSPECT: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])|\xed[\xa0-\xbf]|\x00")
_MESSAGE: Final = "Contains NUL or half of a surrogate pair, which cannot be stored"

_Endpoint = TypeVar("_Endpoint", bound=Callable[..., object])
_replacing: set[object] = set()
_Path = tuple[Any, object]
"""A place in a body: the enclosing place, and the name or index in it; linked, as few are ever rendered."""


def storable(text: object) -> object:
    """Returns a text with U+FFFD for what no database can store; anything else as it is."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text) if isinstance(text, str) else text


def replaces_nul(endpoint: _Endpoint) -> _Endpoint:
    """Marks an endpoint that takes NUL in its body, because it stores the `storable` text in its place."""
    _replacing.add(endpoint)
    return endpoint


async def require_storable(request: Request) -> None:
    """Refuses NUL and lone surrogates in values and names of the path, the query and a JSON body.

    PostgreSQL's jsonb stores neither, BSON stores no surrogates, and UTF-8 cannot encode them.

    Raises:
        Invalid: There is such text; the error names the first fields that contain it.
    """
    query = ({name: value} for name, value in request.query_params.multi_items())
    found = chain(
        _errors("path", request.path_params),
        chain.from_iterable(_errors("query", each) for each in query),
        _errors("body", await _suspect_body(request), _refused_in_body(request)),
    )
    errors = tuple(islice(found, MAX_FIELD_ERRORS))
    if errors:
        raise Invalid(count=len(errors), errors=errors)


async def _suspect_body(request: Request) -> object:
    # If the operation has a body, the framework has read and parsed it by now, and keeps it here.
    parsed = getattr(request, "_json", None)
    return parsed if parsed is not None and _SUSPECT.search(await request.body()) else None


def _refused_in_body(request: Request) -> re.Pattern[str]:
    return _SURROGATE if request.scope.get("endpoint") in _replacing else _UNSTORABLE


def _errors(where: str, value: object, refused: re.Pattern[str] = _UNSTORABLE) -> Iterator[FieldError]:
    """Yields an error for each such text in the JSON ``value``; a bad name is its object's error."""
    pending: list[tuple[_Path | None, object]] = [(None, value)]
    while pending:
        path, part = pending.pop()
        if isinstance(part, str) and refused.search(part):
            yield FieldError(_field(where, path), _MESSAGE, "text_unstorable")
        if isinstance(part, dict):
            if any(map(refused.search, part)):
                yield FieldError(_field(where, path), f"A name in it: {_MESSAGE}", "text_unstorable")
            pending.extend(((path, name), inner) for name, inner in part.items())
        if isinstance(part, list):
            pending.extend(((path, index), inner) for index, inner in enumerate(part))


def _field(where: str, path: _Path | None) -> str:
    names: list[str] = []
    while path is not None:
        path, name = path
        names.append(str(storable(str(name))))
    return ".".join([where, *reversed(names)])
