"""Where the addresses in alerts lead in this stack."""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import quote

from stack.alerting import Links
from stack.environment import Environment

_SERVICE: Final = "{service}"


def links(environment: Environment, *, grafana: bool = False) -> Links:
    """Returns the addresses of runbooks, dashboards, logs and traces.

    Args:
        environment: the stack's settings.
        grafana: whether logs and traces open in Grafana (with Docker) and not in the stores' own pages.
    """
    stack, app = environment.stack, environment.app
    board = app.grafana_url or f"http://127.0.0.1:{stack.port_grafana}"
    logs = stack.victorialogs_web_url or f"http://127.0.0.1:{stack.port_victorialogs}"
    traces = app.jaeger_web_url or f"http://127.0.0.1:{stack.port_jaeger}"
    in_grafana = {
        "logs": _explore(board, "loki", {"expr": f'{{service_name="{_SERVICE}"}}'}),
        "traces": _explore(
            board, "tempo", {"queryType": "traceql", "query": f'{{resource.service.name="{_SERVICE}"}}'}
        ),
    }
    own = {
        # Without `relative_time` its page shows the last five minutes.
        "logs": f"{logs}/select/vmui/#/?g0.range_input=1h&g0.relative_time=last_1_hour&query="
        + _quoted(f'"service.name":"{_SERVICE}"'),
        "traces": f"{traces}/search?lookback=1h&service={_SERVICE}",
    }
    return Links(
        runbooks=stack.runbooks_url or f"http://127.0.0.1:{stack.port_canary}/runbooks",
        grafana=board,
        **(in_grafana if grafana else own | ({"logs": in_grafana["logs"]} if stack.loki_url else {})),
    )


def _explore(grafana: str, source: str, query: dict[str, str]) -> str:
    """Returns an address of Grafana's Explore; ``source`` is the data source's uid."""
    panes = {
        "a": {
            "datasource": source,
            "queries": [{"refId": "A", **query}],
            "range": {"from": "now-1h", "to": "now"},
        }
    }
    return f"{grafana}/explore?schemaVersion=1&panes={_quoted(json.dumps(panes))}"


def _quoted(text: str) -> str:
    """Returns the text for a query, with the place of the service's name kept."""
    return quote(text, safe="").replace(quote(_SERVICE, safe=""), _SERVICE)
