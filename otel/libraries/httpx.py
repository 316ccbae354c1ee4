"""httpx instrumentation: contrib's package, with stable names and without secrets from URLs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from opentelemetry.trace import Span

from otel.config.semconv_opt_in import opt_in_to_stable
from otel.context import note
from otel.metrics.attributes import Allowed
from otel.metrics.catalogue import ANY_BOUNDED, Catalogue, External, IntegerRange
from otel.request_names import KNOWN_METHODS, OTHER_METHOD

_REQUEST: Final[dict[str, Allowed]] = {
    "http.request.method": (*sorted(KNOWN_METHODS), OTHER_METHOD),
    "http.response.status_code": IntegerRange(100, 599),
    "server.address": ANY_BOUNDED(limit=50),
    "server.port": IntegerRange(1, 65535),
    "error.type": ANY_BOUNDED(limit=50),
    "network.protocol.version": ("1.0", "1.1", "2", "3"),
}

HTTP_CLIENT_METRICS: Final = Catalogue(
    "otel.httpx",
    External(
        "http.client.request.duration",
        kind="histogram",
        unit="s",
        description="Time that another service took to answer our request.",
        recorded_by="opentelemetry-instrumentation-httpx",
        attributes=_REQUEST,
    ),
)


def instrument() -> Callable[[], None]:
    """Gives every httpx request a CLIENT span with W3C propagation; returns a function that undoes it.

    `url.full` has neither user information nor a query: both may carry secrets.
    """
    opt_in_to_stable()
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor  # noqa: PLC0415 - after the opt-in

    instrumentor = HTTPXClientInstrumentor()
    instrumentor.instrument(request_hook=_strip, async_request_hook=_strip_async)

    def undo() -> None:
        instrumentor.uninstrument()

    return undo


def _strip(span: Span, request: Any) -> None:  # noqa: ANN401 - contrib's RequestInfo, typed only if httpx is installed
    url = request.url
    address = f"{url.scheme}://{url.netloc.decode('ascii')}{url.path}"
    note("httpx", f"{request.method.decode('ascii')} {address}")
    if span.is_recording():
        span.set_attribute("url.full", address)


async def _strip_async(span: Span, request: Any) -> None:  # noqa: ANN401 - see `_strip`
    _strip(span, request)
