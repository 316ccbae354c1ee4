"""Records the template of the matched route as the router hands the request to it.

Starlette records neither the mounts that a request went through nor, in a FastAPI application, a plain route.
Their templates cannot be derived from the path, and matching again costs as much as routing. So `handle` of
the four route classes is wrapped, as contrib wraps `BackgroundTask`; the wrapper reads only what the
application declared, nothing from the request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Final

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.types import Receive, Send

from otel.request_names import FoundRoute, Scope

_FOUND: Final = "otel.found_route"
_PREFIX: Final = "otel.route_prefix"
_MARK: Final = "_noted_by_otel"
# What Starlette appends to the path of a mount.
_REST: Final = "/{path}"

_Handle = Callable[[Any, Scope, Receive, Send], Awaitable[None]]
_Note = Callable[[Any, Scope], None]


def expect_route(scope: Scope) -> FoundRoute:
    """Return the holder that will get the template of the matched route, with every prefix.

    The application's own `root_path` is included; a server's or proxy's is not: it may come from headers.
    """
    found = scope[_FOUND] = FoundRoute()
    if _PREFIX not in scope:
        scope[_PREFIX] = str(getattr(scope.get("app"), "root_path", "")).rstrip("/")
    return found


def note_routes() -> None:
    """Wraps `handle` of Starlette's and FastAPI's routes, once per process."""
    notes: tuple[tuple[type[BaseRoute], _Note], ...] = (
        (Mount, _note_mount),
        (Route, _note_route),
        (WebSocketRoute, _note_route),
        (APIRoute, _note_route),
    )
    for kind, note in notes:
        original: _Handle = kind.handle
        if not getattr(original, _MARK, False):
            setattr(kind, "handle", _noting(original, note))  # noqa: B010 - see the module's docstring


def _noting(original: _Handle, note: _Note) -> _Handle:
    @wraps(original)
    def handle(route: Any, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:  # noqa: ANN401 - any route
        note(route, scope)
        return original(route, scope, receive, send)

    setattr(handle, _MARK, True)
    return handle


def _note_mount(mount: Any, scope: Scope) -> None:  # noqa: ANN401 - also a subclass without these attributes
    template = getattr(mount, "path_format", None)
    if not isinstance(template, str):
        return
    prefix = scope.get(_PREFIX, "")
    scope[_PREFIX] = prefix + template.removesuffix(_REST)
    found = scope.get(_FOUND)
    if found is not None:
        found.template = prefix + template


def _note_route(route: Any, scope: Scope) -> None:  # noqa: ANN401 - as above
    found = scope.get(_FOUND)
    template = _included_template(scope, route) or getattr(route, "path_format", None)
    if found is not None and isinstance(template, str):
        found.template = scope.get(_PREFIX, "") + template


def _included_template(scope: Scope, route: object) -> str | None:
    """Return the template with the prefixes of included routers, which FastAPI stores in the scope."""
    context = scope.get("fastapi", {}).get("effective_route_context")
    if context is None or getattr(context, "original_route", None) is not route:
        return None
    template = getattr(context, "path_format", None)
    return template if isinstance(template, str) and template else None


def path_below_root(scope: Scope) -> str:
    """Return the path as the application's router sees it: without `root_path`, if it starts with that.

    A proxy may have removed the prefix already (ASGI specification, HTTP connection scope).
    """
    path: str = scope["path"]
    root: str = scope.get("root_path") or ""
    if root and path.startswith(root) and path[len(root) : len(root) + 1] in ("", "/"):
        return path[len(root) :]
    return path
