"""What a request is called in telemetry: its method and its route's template, never a value that it sent."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Final

UNMATCHED: Final = "<unmatched>"
OTHER_METHOD: Final = "_OTHER"
WEBSOCKET: Final = "WS"

# RFC 9110 section 9 and RFC 5789, plus QUERY: the methods of the HTTP semantic conventions.
KNOWN_METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"},
)

Scope = MutableMapping[str, Any]


class FoundRoute:
    """The template of the route that serves a request: `otel.http.routing` writes it when the router chose.

    Middleware that copies the scope copies the reference, so the template is found whoever reads it.
    """

    __slots__ = ("template",)

    def __init__(self, template: str | None = None) -> None:
        self.template = template


def bounded_method(method: str) -> str:
    """Return `method` if the HTTP semantic conventions know it, else `_OTHER`."""
    return method if method in KNOWN_METHODS else OTHER_METHOD


def method_of(scope: Scope) -> str:
    """Return the method that names a request in telemetry: `WS` for a WebSocket connection."""
    return WEBSOCKET if scope["type"] == "websocket" else bounded_method(scope["method"])
