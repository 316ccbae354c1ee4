"""The metrics of the process that answers: as Prometheus text and as OpenMetrics."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Response
from starlette.responses import PlainTextResponse

import otel
from app.monitoring.formats import OPENMETRICS, TEXT, chosen
from app.monitoring.operators import OPERATORS

_LABELS: Final = 'http_request_method="GET",http_route="/api/v1/courses",http_response_status_code="200"'
_LINE: Final = f'http_server_request_duration_seconds_bucket{{{_LABELS},le="0.05"}}'
_EXEMPLAR: Final = '{span_id="b7ad6b7169203331",trace_id="0af7651916cd43dd8448eb211c80319c"}'
_HEAD: Final = (
    "# HELP http_server_request_duration_seconds Duration of HTTP server requests.\n"
    "# TYPE http_server_request_duration_seconds histogram\n"
)
_FORMATS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "In the format that the Accept header prefers; without a preference, as text.",
        "content": {
            TEXT.media_type: {"schema": {"type": "string"}, "example": f"{_HEAD}{_LINE} 7.0\n"},
            OPENMETRICS.media_type: {
                "schema": {"type": "string"},
                "example": f"{_HEAD}{_LINE} 7.0 # {_EXEMPLAR} 0.043 1764259200.5\n# EOF\n",
            },
        },
    }
}
Accepted = Annotated[
    str | None,
    Header(
        max_length=1_000,
        description="text/plain; version=0.0.4, or application/openmetrics-text; version=1.0.0.",
        examples=["application/openmetrics-text; version=1.0.0"],
    ),
]


def metrics_router(telemetry: otel.Telemetry) -> APIRouter:
    """Returns the endpoint that Prometheus may scrape."""
    router = APIRouter()

    options = {**OPERATORS, "responses": {**OPERATORS["responses"], **_FORMATS}}

    @router.get("/metrics", response_class=PlainTextResponse, **options)
    async def metrics(accept: Accepted = None) -> Response:
        """Returns this process's metrics, under the names that they have in Prometheus.

        Every worker has its own, so a scrape sees one of them; OTLP carries those of all. OpenMetrics has
        exemplars: the trace of the last sampled measurement of each bucket.
        """
        chosen_format = chosen(accept)
        render = telemetry.openmetrics_text if chosen_format is OPENMETRICS else telemetry.prometheus_text
        body = await asyncio.to_thread(render)
        return Response(body, headers={"Content-Type": chosen_format.content_type, "Vary": "Accept"})

    return router
