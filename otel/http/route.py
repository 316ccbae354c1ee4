"""The route template of a request, read from what the router already decided."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, Final

UNMATCHED: Final = "<unmatched>"
OTHER_METHOD: Final = "_OTHER"

# RFC 9110 section 9 and RFC 5789, plus QUERY: the methods of the HTTP semantic conventions.
KNOWN_METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"},
)

Scope = MutableMapping[str, Any]


def bounded_method(method: str) -> str:
    """Return `method` if the HTTP semantic conventions know it, else `_OTHER`."""
    return method if method in KNOWN_METHODS else OTHER_METHOD


def route_template(scope: Scope) -> str | None:
    """Return the template of the route that the router chose, with every prefix; None before and without one.

    Nothing is matched again: FastAPI leaves the route in the scope, and for an included router the full
    template in the effective route context beside it. A mounted application contributes its mount path.
    """
    route = scope.get("route")
    if route is None:
        return _template_of_plain_route(scope)
    template = _included_template(scope, route) or getattr(route, "path_format", None)
    if template is None:
        return None
    root = scope.get("root_path")
    return _with_names(root, scope.get("path_params") or {}) + template if root else str(template)


def _included_template(scope: Scope, route: object) -> str | None:
    context = scope.get("fastapi", {}).get("effective_route_context")
    if context is None or getattr(context, "original_route", None) is not route:
        return None
    template = getattr(context, "path_format", None)
    return template if isinstance(template, str) and template else None


def _template_of_plain_route(scope: Scope) -> str | None:
    # Starlette's own Route and Mount leave no route in the scope, only the endpoint and the parameters.
    if scope.get("endpoint") is None:
        return None
    path, parameters = str(scope.get("path", "")), scope.get("path_params") or {}
    root = str(scope.get("root_path", ""))
    if root and path.startswith(root + "/"):
        return _with_names(root, parameters) + "/{path}"
    # A parameter that is not a segment of its own (`{rest:path}`, `007` read as a number) cannot be named,
    # and its value must not become part of a metric.
    named = {str(value) for value in parameters.values()} <= set(path.split("/"))
    return _with_names(path, parameters) if named else None


def _with_names(path: str, parameters: Mapping[str, object]) -> str:
    names = {str(value): name for name, value in parameters.items()}
    return "/".join(f"{{{names[part]}}}" if part in names else part for part in path.split("/"))
