"""Addresses that people open in a browser: of a trace, its log records and its errors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Final, Self
from urllib.parse import urlencode

from fastapi import Depends, Request

from app.core.settings import Settings
from app.infra.stores.logs import LogQuery
from app.infra.stores.queries import logql

LOGS_PATH: Final = "/api/v1/monitoring/logs"
_MILLISECOND: Final = 1_000_000
_MARGIN: Final = 60_000_000_000  # ns: clocks differ


@dataclass(frozen=True, slots=True)
class WebLinks:
    """Where people open what the stores have; None where nothing was configured."""

    grafana: str | None
    jaeger: str | None
    errors: str | None
    has_loki: bool

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Returns the links of these settings."""
        return cls(
            settings.grafana_url, settings.jaeger_web_url, settings.error_link, bool(settings.loki_url)
        )

    def trace(self, trace_id: str, start: int, end: int, span_id: str = "") -> str | None:
        """Returns the address of a trace, or of a span in it; times are nanoseconds since the epoch."""
        if self.jaeger is not None:
            return f"{self.jaeger}/trace/{trace_id}" + (f"?uiFind={span_id}" if span_id else "")
        if self.grafana is None:
            return None
        query = {"refId": "A", "queryType": "traceql", "query": trace_id}
        return self._explore("tempo", query, start, end)

    def logs(self, trace_id: str, start: int, end: int) -> str:
        """Returns the address of a trace's log records: in Grafana, else this API's own list."""
        if self.grafana is None or not self.has_loki:
            return f"{LOGS_PATH}?{urlencode({'trace_id': trace_id, 'since': '7d'})}"
        expression = logql(LogQuery(start, end, 1, trace_id=trace_id))
        return self._explore("loki", {"refId": "A", "expr": expression}, start, end)

    def error(self, trace_id: str) -> str | None:
        """Returns the address of a trace's errors in the error tracker."""
        return None if self.errors is None else self.errors.replace("{trace_id}", trace_id)

    def _explore(self, source: str, query: dict[str, str], start: int, end: int) -> str:
        """Returns an address of Grafana's Explore; ``source`` is the data source's uid."""
        spread = {
            "from": str((start - _MARGIN) // _MILLISECOND),
            "to": str((end + _MARGIN) // _MILLISECOND),
        }
        panes = {"a": {"datasource": source, "queries": [query], "range": spread}}
        return f"{self.grafana}/explore?{urlencode({'schemaVersion': 1, 'panes': json.dumps(panes)})}"


def links_of(request: Request) -> WebLinks:
    """Returns the application's links."""
    found: WebLinks = request.app.state.web_links
    return found


Links = Annotated[WebLinks, Depends(links_of)]
