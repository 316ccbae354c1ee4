"""The one SERVER span per request: started and ended by contrib's middleware, described by us.

Contrib (0.66b2) matches all routes again for the span's name, decodes every header some seven times, sets
each attribute twice and feeds two metrics that ours replace: 145 of its 199 µs per request. So its middleware
gets a scope with only the trace headers, and the real attributes through `default_span_details`. It still
extracts the parent, starts the span, makes it current, records an error that passes through it, and ends the
span unless the last byte of the response already has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

from opentelemetry import context, propagate, trace
from opentelemetry.context import Context
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.trace import Link, Span, SpanKind, Tracer
from opentelemetry.util.types import Attributes
from starlette.types import ASGIApp, Send

from otel.config.semconv_opt_in import opt_in_to_stable
from otel.http.headers import RequestHeaders
from otel.request_names import Scope, bounded_method

if TYPE_CHECKING:
    from otel.redaction.engine import Redactor

REAL_SCOPE: Final = "otel.real_scope"
HEADERS: Final = "otel.headers"
DESCRIPTION: Final = "otel.description"
_LONGEST_AGENT: Final = 256
_ADDRESSES_REMEMBERED: Final = 4096
_DROPPED_BITS: Final = {4: 8, 6: 80}


def server_span(app: ASGIApp, redactor: Redactor) -> ASGIApp:
    """Return `app` inside contrib's middleware; call it with `slim_scope(...)`, not a server's scope."""
    opt_in_to_stable()
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware  # noqa: PLC0415 - after the opt-in
    from opentelemetry.instrumentation.fastapi.version import __version__  # noqa: PLC0415 - after the opt-in

    tracer = trace.get_tracer("opentelemetry.instrumentation.fastapi", __version__)
    middleware = OpenTelemetryMiddleware(
        app,
        default_span_details=span_details(redactor),
        tracer=_DescribingTracer(tracer),
        meter=NoOpMeterProvider().get_meter("replaced by otel.http.metrics"),
        exclude_spans=["receive", "send"],
    )
    middleware.duration_histogram_new = None
    # It gets no messages, so it needs no wrapper of `send`, which costs a dozen objects per request.
    setattr(middleware, "_get_otel_send", _same_send)  # noqa: B010 - FastAPI looks for this very class
    return cast("ASGIApp", middleware)


def _same_send(_span: Span, _name: str, _scope: Scope, send: Send, _attributes: Attributes) -> Send:
    return send


def slim_scope(scope: Scope, headers: RequestHeaders) -> Scope:
    """Return what contrib's middleware needs to see of `scope`: the type and the trace headers."""
    return {
        "type": scope["type"],
        "method": "",
        "path": "",
        "server": ("", 80),
        "headers": headers.trace,
        HEADERS: headers,
        REAL_SCOPE: scope,
    }


class _DescribingTracer(Tracer):
    """Starts the span with the attributes that `span_details` prepared, so that they are set only once.

    Contrib sets the attributes that it passes here again, one by one, so they are removed from its mapping.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,  # noqa: FBT001, FBT002 - the signature of the API
        set_status_on_exception: bool = True,  # noqa: FBT001, FBT002 - the signature of the API
    ) -> Span:
        """Starts a span, as the API defines it."""
        if isinstance(attributes, dict) and DESCRIPTION in attributes:
            description = attributes[DESCRIPTION]
            attributes.clear()
            attributes = description
        return self._tracer.start_span(
            name,
            context,
            kind,
            attributes,
            links,
            start_time,
            record_exception,
            set_status_on_exception,
        )

    def start_as_current_span(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - passed through
        """Starts a span and makes it current, as the API defines it."""
        return self._tracer.start_as_current_span(*args, **options)


def span_details(redactor: Redactor) -> Callable[[Scope], tuple[str, dict[str, Any]]]:
    """Returns a function from a slim scope to its initial name and, under `DESCRIPTION`, its attributes."""

    def details(slim: Scope) -> tuple[str, dict[str, Any]]:
        scope, headers = slim[REAL_SCOPE], slim[HEADERS]
        described = _description(scope, headers, redactor)
        return _first_name(scope), {DESCRIPTION: described}

    return details


def link_to_stranger(span: Span, traceparent: str) -> None:
    """Links the span to the one in `traceparent`, if it is valid; `tracestate` is ignored."""
    given = propagate.extract({"traceparent": traceparent}, context=Context())
    identity = trace.get_current_span(given).get_span_context()
    if identity.is_valid:
        span.add_link(identity)


def _first_name(scope: Scope) -> str:
    # HTTP conventions: the method, or `HTTP` for an unknown one, until the route is known.
    if scope["type"] == "websocket":
        return "WS"
    method = bounded_method(scope["method"])
    return method if method == scope["method"] else "HTTP"


def _description(scope: Scope, headers: RequestHeaders, redactor: Redactor) -> dict[str, Any]:
    """Return the attributes of the HTTP conventions, with a coarse client address and a redacted query."""
    described: dict[str, Any] = {
        "url.scheme": scope.get("scheme", "http"),
        "url.path": redactor.text(scope["path"]),
        "request_id": headers.request_id,
    }
    _describe_protocol(described, scope)
    server, client = scope.get("server"), scope.get("client")
    if server:
        described["server.address"] = server[0]
        if server[1] is not None:
            described["server.port"] = server[1]
    if client:
        described["client.address"] = coarse_address(client[0])
    query = scope.get("query_string")
    if query:
        described["url.query"] = redactor.value("url.query", query.decode("latin-1"))
    if headers.user_agent:
        described["user_agent.original"] = redactor.text(headers.user_agent)[:_LONGEST_AGENT]
    return described


def _describe_protocol(described: dict[str, Any], scope: Scope) -> None:
    described["network.protocol.version"] = scope.get("http_version", "1.1")
    if scope["type"] == "websocket":
        described["network.protocol.name"] = "websocket"
        return
    method = bounded_method(scope["method"])
    described["http.request.method"] = method
    if method != scope["method"]:
        described["http.request.method_original"] = scope["method"][:32]


@lru_cache(_ADDRESSES_REMEMBERED)
def coarse_address(address: str) -> str:
    """Return a client's address truncated so that it identifies no one: /24 of IPv4, /48 of IPv6.

    An IPv4 address inside an IPv6 one is treated as IPv4; anything that is not an address is returned as is.
    Source: the truncation that data protection authorities accept as anonymous enough for web statistics.
    """
    found = _parsed(address)
    if found is None:
        return address
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or found.sixtofour or found
    dropped = _DROPPED_BITS[found.version]
    return str(type(found)(int(found) >> dropped << dropped))


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    """Parse an address, with a zone (`fe80::1%eth0`) or, as proxies write it, with a port."""
    for host in (address.partition("%")[0], f"//{address}"):
        with suppress(ValueError):
            return ip_address(urlsplit(host).hostname or host)
    return None


class outside_of_any_span:  # noqa: N801 - used like a function, cheaper than contextlib
    """Hides a span that leaked into the server's context: below it, contrib starts an INTERNAL span."""

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        leaked = trace.get_current_span() is not trace.INVALID_SPAN
        self._token = context.attach(Context()) if leaked else None

    def __exit__(self, *error: object) -> None:
        if self._token is not None:
            context.detach(self._token)
