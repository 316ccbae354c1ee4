"""Queries the stores of a running stack, as a developer would by hand."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from stack.error_links import BUGSINK_PROJECT
from stack.native.logins import USER
from stack.native.native_stack import NativeStack

SERVICE: Final = "lms"


@dataclass(frozen=True)
class Span:
    """One span as the trace store returns it."""

    id: str
    parent: str | None
    name: str
    kind: str
    trace_id: str
    attributes: Mapping[str, Any]
    links: tuple[tuple[str, str], ...]


class Stores:
    """The trace store, the log store, the metric store, the alert router and the error tracker."""

    def __init__(self, stack: NativeStack) -> None:
        self._stack = stack
        self._http = httpx.Client(timeout=15.0)
        self._bugsink_token: str | None = None

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def _login(self) -> tuple[str, str]:
        return USER, self._stack.environment.stack.stores_password.get_secret_value()

    def prometheus(self) -> httpx.Client:
        """Returns a client of the metric store, logged in; the caller closes it."""
        return httpx.Client(base_url=self._stack.url("prometheus"), auth=self._login(), timeout=30.0)

    def _get(self, part: str, path: str, **query: str) -> Any:  # noqa: ANN401 - JSON
        answer = self._http.get(f"{self._stack.url(part)}{path}", params=query, auth=self._login())
        answer.raise_for_status()
        return answer.json()

    def spans(self, request_id: str) -> list[Span]:
        """Returns all spans of the traces in which any span has this request id."""
        wanted = f'{{"request_id":"{request_id}"}}'
        found = self._get("jaeger", "/api/traces", service=SERVICE, tags=wanted, lookback="1h")["data"]
        return [_span(each) for trace in found for each in trace["spans"]]

    def logs(self, request_id: str) -> list[dict[str, str]]:
        """Returns the log records of this request: their fields, and the text as `body`."""
        query = f'{{service.name="{SERVICE}"}} request_id:={json.dumps(request_id)}'
        self._ask_logs("/internal/force_flush")
        found = self._ask_logs("/select/logsql/query", query=query, limit="100").splitlines()
        return [{**(fields := json.loads(line)), "body": fields["_msg"]} for line in found]

    def _ask_logs(self, path: str, **query: str) -> str:
        password = self._stack.environment.stack.victorialogs_password.get_secret_value()
        url = f"{self._stack.url('victorialogs')}{path}"
        return self._http.get(url, params=query, auth=(USER, password)).raise_for_status().text

    def total(self, promql: str) -> float:
        """Returns the value of a query that yields one number; 0 for no series."""
        result = self._get("prometheus", "/api/v1/query", query=f"sum({promql})")["data"]["result"]
        return float(result[0]["value"][1]) if result else 0.0

    def totals(self, promql: str) -> dict[tuple[tuple[str, str], ...], float]:
        """Returns the value of each series of a query, by its labels."""
        result = self._get("prometheus", "/api/v1/query", query=promql)["data"]["result"]
        return {tuple(sorted(each["metric"].items())): float(each["value"][1]) for each in result}

    def parsed(self, promql: str) -> Any:  # noqa: ANN401 - Prometheus' syntax tree
        """Returns a query's syntax tree."""
        return self._get("prometheus", "/api/v1/parse_query", query=promql)["data"]

    def names(self, label: str, selector: str = "") -> set[str]:
        """Returns the values of a label that the metric store has; of all series, or of the selected ones."""
        match = {"match[]": selector} if selector else {}
        return set(self._get("prometheus", f"/api/v1/label/{label}/values", **match)["data"])

    def series(self, names: Iterable[str]) -> list[dict[str, str]]:
        """Returns the label sets of all series with one of these names."""
        form = {"match[]": f'{{__name__=~"{"|".join(names)}"}}'}
        with self.prometheus() as client:
            answer = client.post("/api/v1/series", data=form).raise_for_status()
        return list(answer.json()["data"])

    def labels(self) -> set[str]:
        """Returns the names of the labels that the metric store has."""
        return set(self._get("prometheus", "/api/v1/labels")["data"])

    def log_fields(self) -> set[str]:
        """Returns the names of the fields that the log store has."""
        self._ask_logs("/internal/force_flush")
        found = json.loads(self._ask_logs("/select/logsql/field_names", query="*"))
        return {each["value"] for each in found["values"]}

    def counted(self, name: str) -> Counter[tuple[str, str]]:
        """Returns the platform's own current counts of the metrics whose name matches."""
        token = self._stack.environment.app.metrics_token.get_secret_value()
        answer = self._http.get(
            f"{self._stack.url('app')}/api/v1/monitoring/metrics",
            headers={"Authorization": f"Bearer {token}"},
        )
        answer.raise_for_status()
        samples = [each for family in text_string_to_metric_families(answer.text) for each in family.samples]
        return by_kind(
            (each.name, each.labels, each.value) for each in samples if re.fullmatch(name, each.name)
        )

    def arrived(self, name: str) -> Counter[tuple[str, str]]:
        """Returns the same counts from the metric store, without those of a platform that has ended.

        Prometheus returns a pushed series for five minutes after its last point; ours exports every second.
        """
        query = f'last_over_time({{__name__=~"{name}",job="stegmaier/lms"}}[15s])'
        series = ((dict(labels), value) for labels, value in self.totals(query).items())
        return by_kind((labels["__name__"], labels, value) for labels, value in series)

    def alerts(self) -> set[str]:
        """Returns the names of the active alerts in Alertmanager."""
        return {each["labels"]["alertname"] for each in self._get("alertmanager", "/api/v2/alerts")}

    def fire(self, minutes: float, **labels: str) -> None:
        """Makes an alert with these labels fire in Alertmanager for some time; for none, it is resolved."""
        ends = datetime.now(UTC) + timedelta(minutes=minutes)
        body = [{"labels": labels, "annotations": {"summary": "A test"}, "endsAt": ends.isoformat()}]
        url = f"{self._stack.url('alertmanager')}/api/v2/alerts"
        self._http.post(url, json=body, auth=self._login()).raise_for_status()

    def issues(self) -> list[dict[str, Any]]:
        """Returns the error tracker's issues."""
        return list(self._bugsink("issues/", project=str(BUGSINK_PROJECT))["results"])

    def events(self, issue_id: str) -> list[dict[str, Any]]:
        """Returns an issue's events with everything the application sent."""
        listed = self._bugsink("events/", issue=issue_id)["results"]
        return [self._bugsink(f"events/{each['id']}/")["data"] for each in listed]

    def _bugsink(self, path: str, **query: str) -> Any:  # noqa: ANN401 - JSON
        if self._bugsink_token is None:
            self._bugsink_token = self._new_bugsink_token()
        answer = self._http.get(
            f"{self._stack.url('bugsink')}/api/canonical/0/{path}",
            params=query,
            headers={"Authorization": f"Bearer {self._bugsink_token}"},
        )
        answer.raise_for_status()
        return answer.json()

    def _new_bugsink_token(self) -> str:
        python = self._stack.plan.program("bugsink-python")
        done = subprocess.run(
            [python.parent / "bugsink-manage", "create_auth_token"],
            env={**os.environ, **self._stack.plan._bugsink_environment()},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.split()[-1]


def by_kind(samples: Iterable[tuple[str, Mapping[str, str], float]]) -> Counter[tuple[str, str]]:
    """Sums samples (name, labels, value) by name and by outcome or step; drops sums of 0."""
    sums: Counter[tuple[str, str]] = Counter()
    for name, labels, value in samples:
        sums[name, labels.get("outcome", labels.get("step", ""))] += int(value)
    return +sums


def _span(found: Mapping[str, Any]) -> Span:
    tags = {tag["key"]: tag["value"] for tag in found["tags"]}
    parents = [each["spanID"] for each in found["references"] if each["refType"] == "CHILD_OF"]
    return Span(
        id=found["spanID"],
        parent=parents[0] if parents else None,
        name=found["operationName"],
        kind=tags.get("span.kind", "internal"),
        trace_id=found["traceID"],
        attributes=tags,
        links=tuple(
            (each["traceID"], each["spanID"]) for each in found["references"] if each["refType"] != "CHILD_OF"
        ),
    )
