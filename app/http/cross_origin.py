"""Lets web pages of other origins use the API, if a setting names them (CORS, Fetch Standard)."""

from __future__ import annotations

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from app.core.settings.access import origins
from app.http.rate_limit import QUOTA_HEADERS


def cross_origin(setting: str) -> list[Middleware]:
    """Returns the middleware for the origins in ``setting``; none if there are none.

    A page authenticates with a token, as everybody does: there are no cookies, so no credentials are allowed.
    """
    allowed = origins(setting)
    if not allowed:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=allowed,
            allow_methods=["DELETE", "GET", "PATCH", "POST", "PUT"],
            allow_headers=["Authorization", "Content-Type", "X-Request-ID", "traceparent"],
            expose_headers=[*QUOTA_HEADERS, "X-Request-ID", "traceresponse"],
        )
    ]
