"""Alternatives to a request that no route answers: other methods, and the other trailing slash."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.routing import Match

_METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


def methods_at_path(request: Request) -> str:
    """Returns the methods that the request's path supports, as ``Allow`` lists them (RFC 9110, 10.2.1)."""
    return ", ".join(method for method in _METHODS if _match(request, method=method) is Match.FULL)


def other_slash(request: Request) -> str | None:
    """Returns the request's target with its trailing slash added or removed; None if no route matches.

    The reference is relative to the server (RFC 9110, 10.2.2), so a forged ``Host`` redirects nobody.
    """
    path: str = request.scope["path"]
    other = path.rstrip("/") if path.endswith("/") else f"{path}/"
    # Two leading slashes would name a server.
    if not other or other.startswith("//") or _match(request, path=other) is Match.NONE:
        return None
    query = request.scope["query_string"].decode("latin-1")
    return f"{quote(other)}?{query}" if query else quote(other)


def _match(request: Request, **changes: str) -> Match:
    """Returns how well some route matches the request, with ``changes`` to its scope."""
    scope = {**request.scope, **changes}
    found = {route.matches(scope)[0] for route in request.app.routes}
    return max(found, key=lambda match: match.value, default=Match.NONE)
