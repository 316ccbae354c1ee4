"""The HTTP metrics: names and units follow the HTTP semantic conventions where those define one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from otel.metrics.attributes import Allowed
from otel.metrics.catalogue import ANY_BOUNDED, Catalogue, Histogram, IntegerRange, UpDownCounter
from otel.metrics.counters import NumberSeries
from otel.metrics.histogram import HistogramSeries
from otel.request_names import KNOWN_METHODS, OTHER_METHOD

_METHODS: Final = (*sorted(KNOWN_METHODS), OTHER_METHOD)
_SCHEMES: Final = ("http", "https", "_OTHER")
_ROUTE: Final = ANY_BOUNDED(limit=300)
_STATUS: Final = IntegerRange(100, 599)
_RESPONSE: Final[dict[str, Allowed]] = {
    "http.request.method": _METHODS,
    "http.route": _ROUTE,
    "http.response.status_code": _STATUS,
}

REQUEST_DURATION: Final = Histogram(
    "http.server.request.duration",
    unit="s",
    description="Time from a request to the last byte of its response, without background tasks.",
    attributes={**_RESPONSE, "url.scheme": _SCHEMES, "error.type": ANY_BOUNDED(limit=100)},
    limit=4000,
)
ACTIVE_REQUESTS: Final = UpDownCounter(
    "http.server.active_requests",
    unit="{request}",
    description="Requests in progress.",
    attributes={"http.request.method": _METHODS, "url.scheme": _SCHEMES},
)
REQUEST_BODY_SIZE: Final = Histogram(
    "http.server.request.body.size",
    unit="By",
    description="Size of request bodies, from Content-Length or else as read; empty ones are not counted.",
    attributes=_RESPONSE,
    limit=4000,
)
RESPONSE_BODY_SIZE: Final = Histogram(
    "http.server.response.body.size",
    unit="By",
    description="Size of response bodies as sent.",
    attributes=_RESPONSE,
    limit=4000,
)
ACTIVE_CONNECTIONS: Final = UpDownCounter(
    "websocket.server.active_connections",
    unit="{connection}",
    description="Open WebSocket connections.",
)
CONNECTION_DURATION: Final = Histogram(
    "websocket.server.connection.duration",
    unit="s",
    description="Time from the handshake to the end of a WebSocket connection.",
    attributes={"http.route": _ROUTE, "error.type": ANY_BOUNDED(limit=100)},
    buckets=(0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600, 14400),
)
BACKGROUND_DURATION: Final = Histogram(
    "background_task.duration",
    unit="s",
    description="Time that a task took after its response was sent.",
    attributes={"code.function.name": ANY_BOUNDED(limit=200), "outcome": ("ok", "error", "cancelled")},
)

HTTP_METRICS: Final = Catalogue(
    "otel.http",
    REQUEST_DURATION,
    ACTIVE_REQUESTS,
    REQUEST_BODY_SIZE,
    RESPONSE_BODY_SIZE,
    ACTIVE_CONNECTIONS,
    CONNECTION_DURATION,
    BACKGROUND_DURATION,
)

Answer = tuple[str, str, int | None]
"""Method, route and status of a response; the status is None if there was no response."""

Outcome = tuple[str, str, int | None, str, str | None]
"""An `Answer` with the scheme and the type of the error, if there was one."""

# Requests use the same few series; the bound evicts what a flood of unknown values adds.
_REMEMBERED: Final = 4096


@lru_cache(_REMEMBERED)
def active_requests(method: str, scheme: str) -> NumberSeries:
    """Returns the series that counts requests in progress of this method and scheme."""
    return ACTIVE_REQUESTS.with_attributes({"http.request.method": method, "url.scheme": scheme})


@lru_cache(_REMEMBERED)
def request_body_size(answer: Answer) -> HistogramSeries:
    """Returns the series of request body sizes for this method, route and status."""
    return REQUEST_BODY_SIZE.with_attributes(_attributes(answer))


@lru_cache(_REMEMBERED)
def response_body_size(answer: Answer) -> HistogramSeries:
    """Returns the series of response body sizes for this method, route and status."""
    return RESPONSE_BODY_SIZE.with_attributes(_attributes(answer))


@lru_cache(_REMEMBERED)
def request_duration(outcome: Outcome) -> HistogramSeries:
    """Returns the series of request durations for this outcome."""
    *answer, scheme, error_type = outcome
    attributes = _attributes(answer) | {"url.scheme": scheme}
    return REQUEST_DURATION.with_attributes(
        attributes if error_type is None else attributes | {"error.type": error_type}
    )


def _attributes(answer: Sequence[Any]) -> dict[str, object]:
    names = ("http.request.method", "http.route", "http.response.status_code")
    return {name: value for name, value in zip(names, answer, strict=True) if value is not None}
