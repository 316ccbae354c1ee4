"""How telemetry names a request: by method and route template, never by a value from the request."""

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
    """Holds the template of the matched route; `otel.http.routing` writes it once the router has matched.

    Middleware that copies the scope copies this reference, so every copy sees the template.
    """

    __slots__ = ("template",)

    def __init__(self, template: str | None = None) -> None:
        self.template = template


def bounded_method(method: str) -> str:
    """Return `method` if the HTTP semantic conventions list it, else `_OTHER`."""
    return method if method in KNOWN_METHODS else OTHER_METHOD


def method_of(scope: Scope) -> str:
    """Return the method that names a request in telemetry: `WS` for a WebSocket connection."""
    return WEBSOCKET if scope["type"] == "websocket" else bounded_method(scope["method"])
