"""What else the router knows of a path that it does not answer: other methods, and the other slash."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.routing import Match

_METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


def methods_at_path(request: Request) -> str:
    """Returns the methods that the request's path answers, as ``Allow`` lists them (RFC 9110, 10.2.1)."""
    return ", ".join(method for method in _METHODS if _match(request, method=method) is Match.FULL)


def other_slash(request: Request) -> str | None:
    """Returns where the request's path leads with its last slash added or removed; None if nowhere.

    The reference is relative to the server (RFC 9110, 10.2.2): a forged ``Host`` redirects nobody.
    """
    path: str = request.scope["path"]
    other = path.rstrip("/") if path.endswith("/") else f"{path}/"
    # Two slashes in front would name a server.
    if not other or other.startswith("//") or _match(request, path=other) is Match.NONE:
        return None
    query = request.scope["query_string"].decode("latin-1")
    return f"{quote(other)}?{query}" if query else quote(other)


def _match(request: Request, **changes: str) -> Match:
    """Returns how well some route matches the request, with ``changes`` to its scope."""
    scope = {**request.scope, **changes}
    found = {route.matches(scope)[0] for route in request.app.routes}
    return max(found, key=lambda match: match.value, default=Match.NONE)
