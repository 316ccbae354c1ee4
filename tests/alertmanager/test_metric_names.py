"""The pinned versions emit every series that a rule queries, so that no upgrade blinds an alert."""

from __future__ import annotations

import base64
import itertools
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from collector_kit.fragments import LEAN
from stack import backup
from stack.alerting.declared import family, mistakes
from stack.native.tools import tool_path
from stack.settings import REPOSITORY
from tests import programs
from tests.alertmanager.rendered import every_rule
from tests.collector_config import collector, intake, metric_kinds, stores
from tests.collector_config.collector import Collector
from tests.collector_config.intake import Intake
from tests.collector_config.test_collector_golden import sinks
from tests.programs import free_port, wait_until

# A Loki and a Tempo that run already, if there are: see stores.loki and stores.tempo.
LOKI = os.environ.get("TEST_LOKI_URL", "").rstrip("/")
TEMPO = os.environ.get("TEST_TEMPO_URL", "").rstrip("/")
# What nothing that runs here emits: without one, no Tempo.
ELSEWHERE = () if TEMPO else ("tempo_discarded_spans_total",)
# Recorded of what the platform declares: how it is recorded is compared, and no platform runs here.
RECORDED = re.compile(r"(lms|anomaly|slo|instance|route|operation|rule):|service:scale_")
MIXED = re.compile(r"\(([\w|]+)\)")
SIGNALS = ("traces", "metrics", "logs")
SPAN = {"traceId": "1" * 32, "spanId": "1" * 16, "name": "x", "status": {"code": 2}}
LINK = {"traceId": "2" * 32, "spanId": "2" * 16}


def _span(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"resourceSpans": [{"scopeSpans": [{"spans": [{**SPAN, **fields}]}]}]}


def _metric(name: str) -> dict[str, Any]:
    gauge = {"dataPoints": [{"timeUnixNano": str(time.time_ns()), "asInt": "1"}]}
    return {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": name, "gauge": gauge}]}]}]}


def _log(body: str, when: int) -> dict[str, Any]:
    record = {"timeUnixNano": str(when), "severityNumber": 17, "body": {"stringValue": body}}
    service = {"attributes": [{"key": "service.name", "value": {"stringValue": "old"}}]}
    return {"resourceLogs": [{"resource": service, "scopeLogs": [{"logRecords": [record]}]}]}


# Sent twice, the second is out of order.
DELTA = metric_kinds.request(metric_kinds.counter("delta", temporality=1))
GOOD = {"traces": _span(), "metrics": _metric("fine"), "logs": _log("fine", time.time_ns())}


def _use(running: Collector) -> None:
    """Provokes what the rules watch for, as far as one Collector can show it."""
    for signal in SIGNALS:
        assert running.send(signal, GOOD[signal]).status_code == 200
    running.send("traces", _span(links=[LINK]))
    running.send("metrics", _metric("no name"))
    for _ in range(2):
        running.send("metrics", DELTA)
    assert running.post("traces", b"{}", {"Authorization": ""}).status_code == 401


@pytest.fixture(name="api", scope="module")
def _api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Prometheus, scraping the stores and four Collectors: working, rejected, full and out of memory."""
    with ExitStack() as stack:
        server = stack.enter_context(intake.listening())
        logs = stack.enter_context(_log_store(tmp_path_factory.mktemp("logs")))
        port = free_port()
        made = {name: tmp_path_factory.mktemp(name) for name in ("works", "refused", "full", "small")}
        running = [stack.enter_context(each) for each in _collectors(made, server, logs, port)]
        addresses = [f"127.0.0.1:{each.environment['COLLECTOR_METRICS_PORT']}" for each in running]
        targets = {
            "collector": addresses,
            "victorialogs": [logs["VICTORIALOGS_URL"].removeprefix("http://")],
            "loki": [LOKI.removeprefix("http://")] if LOKI else [],
            "tempo": [TEMPO.removeprefix("http://")] if TEMPO else [],
            "jaeger": [stack.enter_context(stores.jaeger())],
            "prometheus": [f"127.0.0.1:{port}"],
            "lms": ["127.0.0.1:9"],
            "canary": [stack.enter_context(_canary(running[0], logs, port))],
            "alertmanager": [stack.enter_context(_alertmanager(tmp_path_factory.mktemp("alertmanager")))],
        }
        folder = tmp_path_factory.mktemp("prometheus")
        api = stack.enter_context(stores.prometheus(folder / "etc", port, targets))
        _provoke(*running)
        if TEMPO:
            _, otlp = stores.tempo()
            assert httpx.post(f"{otlp}/v1/traces", json=_span(traceId="")).status_code == 400
        backup.record(running[0].url, running[0].token)
        yield api


@contextmanager
def _log_store(folder: Path) -> Iterator[dict[str, str]]:
    """Runs VictoriaLogs with a password until the block ends; yields the variables of its senders."""
    login = base64.b64encode(f"lms:{stores.VICTORIALOGS_PASSWORD}".encode()).decode()
    (folder / "headers").write_text(f"Authorization: Basic {login}\n")
    flags = ("-httpAuth.username=lms", f"-httpAuth.password={stores.VICTORIALOGS_PASSWORD}")
    with stores.victorialogs(folder / "data", *flags) as url:
        yield {"VICTORIALOGS_URL": url, "VICTORIALOGS_HEADERS_FILE": str(folder / "headers")}


@contextmanager
def _canary(edge: Collector, logs: Mapping[str, str], port: int) -> Iterator[str]:
    """Runs the canary until the block ends; yields the address of its metrics."""
    prometheus, address = f"http://127.0.0.1:{port}", f"127.0.0.1:{free_port()}"
    environment = {
        "PYTHONPATH": REPOSITORY,
        "OTEL_EXPORTER_OTLP_ENDPOINT": edge.url,
        "OTLP_TOKEN_FILE": edge.environment["OTLP_TOKEN_FILE"],
        "PROMETHEUS_URL": prometheus,
        **logs,
        "TRACES_URL": prometheus,
        "CANARY_LISTEN": address,
    }
    variables = [f"{key}={value}" for key, value in environment.items()]
    command = ["/usr/bin/env", *variables, sys.executable, "-m", "stack.canary"]
    with programs.running(command, f"http://{address}/metrics"):
        yield address


@contextmanager
def _alertmanager(folder: Path) -> Iterator[str]:
    """Runs an Alertmanager of a cluster, without receivers, until the block ends; yields its address."""
    (folder / "alertmanager.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    address = f"127.0.0.1:{free_port()}"
    command = [
        str(tool_path("alertmanager")),
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={address}",
        f"--cluster.listen-address=127.0.0.1:{free_port()}",
    ]
    with programs.running(command, f"http://{address}/-/ready"):
        yield address


def _collectors(
    made: Mapping[str, Path], server: Intake, logs: Mapping[str, str], port: int
) -> Iterator[Any]:
    three = ["base.yaml", "prometheus.yaml", "victorialogs.yaml", "jaeger.yaml"]
    server.status |= {"prometheus": 400, "victorialogs": 400, "jaeger": 400, "next": 503}
    given = sinks(server, made["works"])
    real = {
        **given,
        "PROMETHEUS_URL": f"http://127.0.0.1:{port}",
        **logs,
        "LOKI_URL": LOKI,
        "HOST_METRICS_INTERVAL": "1s",
    }
    stores_of_all = [*three[1:], *(["loki.yaml"] if LOKI else [])]
    everything = [three[0], *LEAN, *stores_of_all, "host-metrics.yaml", "span-metrics.yaml"]
    yield collector.running(everything, made["works"], **real)
    yield collector.running(three, made["refused"], **given)
    tiny = {"COLLECTOR_NEXT_QUEUE_BYTES": "262144", "COLLECTOR_TRACES_QUEUE_BYTES": "262144"}
    yield collector.running(["base.yaml", "otlp.yaml"], made["full"], **given, **tiny)
    small = {"COLLECTOR_MEMORY_MIB": "5", "COLLECTOR_MEMORY_SPIKE_MIB": "1"}
    yield collector.running(["base.yaml"], made["small"], **small)


def _provoke(works: Collector, refused: Collector, full: Collector, small: Collector) -> None:
    _use(works)
    works.send("metrics", metric_kinds.EXPONENTIAL["fewer observations than in the buckets"])
    works.send("metrics", GOOD["metrics"])
    assert works.post("traces", b'{"resourceSpans": [' + b"{}," * 200_000 + b"{}]}").status_code == 413
    works.send("logs", _log("a week and more ago", time.time_ns() - 9 * 24 * 3600 * 10**9))
    _use(refused)
    padding = [{"key": f"p{number}", "value": {"stringValue": "x" * 15_000}} for number in range(20)]
    many = {"traces": _span(attributes=padding), "logs": _log("x" * 60_000, 1), "metrics": _metric("fine")}
    point = many["metrics"]["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["gauge"]["dataPoints"]
    point *= 20_000
    for signal in SIGNALS:
        answers = (full.send(signal, many[signal]).status_code for _ in range(20))
        assert 503 in itertools.takewhile(lambda status: status in {200, 503}, answers), signal
        wait_until(partial(_refuses, small, signal), "memory is limited")


def _refuses(running: Collector, signal: str) -> bool:
    return running.send(signal, GOOD[signal]).status_code == 503


def _expressions() -> list[tuple[str, str]]:
    return [
        (rule.get("alert") or rule["record"], rule["expr"])
        for rule in every_rule()
        if not rule["expr"].startswith("vector(")
    ]


def _queries(api: httpx.Client, expression: str) -> Iterator[str]:
    """Yields one query per selector; a name such as a_(b|c) is two."""
    answer = api.get("/api/v1/parse_query", params={"query": expression}).json()
    selectors = list(stores.selectors(answer["data"]))
    assert selectors, expression
    for selector in selectors:
        named = {each["name"]: each for each in selector["matchers"]}
        # A selector of labels alone has no name.
        name = named.pop("__name__")["value"] if "__name__" in named else ""
        if name in {"ALERTS", *ELSEWHERE} or RECORDED.match(name):
            continue
        if declared := family(name):
            assert mistakes(declared, named.values()) == [], name
            continue
        match = MIXED.search(name)
        names = [name.replace(match[0], part) for part in match[1].split("|")] if match else [name]
        labels = ",".join(f'{each["name"]}{each["type"]}"{each["value"]}"' for each in named.values())
        yield from (f"{each}{{{labels}}}" for each in names)


@pytest.mark.parametrize(("name", "expression"), [pytest.param(*each, id=each[0]) for each in _expressions()])
def test_a_rule_asks_for_series_that_exist(api: httpx.Client, name: str, expression: str) -> None:
    queries = set(_queries(api, expression))
    if any(query.startswith(("loki_", "loki:")) for query in queries):
        stores.loki()
    for query in sorted(queries):
        wait_until(partial(_has, api, query), f"something is emitted for {query} of {name}")


def _has(api: httpx.Client, query: str) -> bool:
    answer = api.get("/api/v1/query", params={"query": f"last_over_time({query}[5m])"}).json()
    assert answer["status"] == "success", answer
    return bool(answer["data"]["result"])
