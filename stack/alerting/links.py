"""Addresses that an alert leads to, for people with a browser or a phone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_LABEL: Final = re.compile(r"\{\{\s*(\$labels\.\w+)\s*\}\}")
_RANGE: Final = "from=now-1h&to=now"
_RECORDING: Final = ("lms", "telemetry-canary")


@dataclass(frozen=True, slots=True)
class Links:
    """Where people open what an alert names; without a trailing slash.

    Args:
        runbooks: folder of the runbooks; an alert's is ``<runbooks>/<alert>.md``.
        grafana: Grafana, or what shows its dashboards.
        logs: address of a service's logs, with ``{service}`` in place of its name; empty: there is none.
        traces: address of a service's traces, likewise.
    """

    runbooks: str = "http://127.0.0.1:9099/runbooks"
    grafana: str = "http://127.0.0.1:3000"
    logs: str = ""
    traces: str = ""

    def annotations(self, alert: str, dashboard: str, service: str) -> dict[str, str]:
        """Returns the annotations with the addresses of one alert; Prometheus escapes labels in them.

        Args:
            alert: its name.
            dashboard: the dashboard's uid, with variables as ``uid?var-x=y``; both may be templates.
            service: what is broken, the label ``service_name``; may be a template.
        """
        uid, _, variables = dashboard.partition("?")
        query = "&".join(filter(None, [_RANGE, variables]))
        # What has no logs and traces of its own shows in the platform's.
        source = service if service in _RECORDING or "{{" in service else _RECORDING[0]
        found = {
            "runbook_url": f"{self.runbooks}/{alert}.md",
            "dashboard_url": f"{self.grafana}/d/{uid}?{query}",
            "logs_url": self.logs.replace("{service}", source),
            "traces_url": self.traces.replace("{service}", source),
        }
        return {name: _LABEL.sub(r"{{ \1 | urlQueryEscape }}", url) for name, url in found.items() if url}
