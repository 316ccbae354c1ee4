"""The links that Grafana makes of our provisioned data sources, expanded as it expands them.

From its documentation: "Configure trace to logs", "Configure trace to metrics", "Trace correlations",
"Exemplars", "Derived fields".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Settings = Mapping[str, Any]


def of_exemplar(prometheus: Settings, exemplar: Mapping[str, str]) -> list[tuple[str, str]]:
    """Returns where an exemplar leads: (the uid of a source, what it is asked) or ("", an address)."""
    found = prometheus["jsonData"]["exemplarTraceIdDestinations"]
    return [_led(each, exemplar[each["name"]]) for each in found if each["name"] in exemplar]


def of_line(loki: Settings, labels: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Returns where the fields of a log line lead, by the name of the derived field."""
    found: dict[str, tuple[str, str]] = {}
    for each in loki["jsonData"]["derivedFields"]:
        assert each["matcherType"] == "label"
        for name, value in labels.items():
            if re.fullmatch(each["matcherRegex"], name):
                found[each["name"]] = _led(each, value)
    return found


def _led(link: Settings, value: str) -> tuple[str, str]:
    address = link.get("url", "${__value.raw}").replace("${__value.raw}", value)
    return link.get("datasourceUid", ""), address


def logs_of_span(tempo: Settings, trace_id: str, resource: Mapping[str, str]) -> str:
    """Returns the log query of a span's button "Logs for this span"."""
    settings = tempo["jsonData"]["tracesToLogsV2"]
    assert settings["customQuery"]
    query: str = settings["query"]
    return query.replace("${__tags}", _tags(settings, resource)).replace("${__trace.traceId}", trace_id)


def metrics_of_span(tempo: Settings, resource: Mapping[str, str], interval: str) -> dict[str, str]:
    """Returns the metric queries of a span by their names."""
    settings = tempo["jsonData"]["tracesToMetrics"]
    tags = _tags(settings, resource)
    queries = {each["name"]: each["query"] for each in settings["queries"]}
    return {
        name: query.replace("$__tags", tags).replace("$__rate_interval", interval)
        for name, query in queries.items()
    }


def _tags(settings: Settings, resource: Mapping[str, str]) -> str:
    # Grafana shows no link at all if the span has none of the tags.
    found = [(each["value"], resource[each["key"]]) for each in settings["tags"] if each["key"] in resource]
    assert found
    return ", ".join(f'{name}="{value}"' for name, value in found)


def error_report(tempo: Settings, trace_id: str) -> str:
    """Returns the address that a trace's correlation leads to."""
    [correlation] = tempo["correlations"]
    assert correlation["type"] == "external"
    config = correlation["config"]
    [change] = config["transformations"]
    assert (config["field"], change["field"], change["type"]) == ("traceID", "traceID", "regex")
    match = re.search(change["expression"], trace_id)
    assert match
    address: str = config["target"]["url"]
    return address.replace(f"${{{change['mapValue']}}}", match[1])
