"""A metric has one name and one set of labels in Prometheus, whether it was pushed or scraped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry import metrics, trace
from opentelemetry.metrics import CallbackOptions, Observation

import otel
from app.core.telemetry import LMS_METRICS
from otel.metrics.attributes import Allowed, AnyText, IntegerRange
from otel.metrics.catalogue import Catalogue, Counter, Declared, External, Gauge, Histogram, UpDownCounter
from otel.metrics.data import DeclaredMetrics
from otel.metrics.prometheus_name import prometheus_name
from otel.startup import catalogues
from tests.collector_config import stores
from tests.programs import free_port, wait_until

PUSHED = "pushed"
SCRAPED = {"tempo": "text", "loki": "openmetrics"}
"""The jobs of the repository's configuration whose targets this test plays, and what each serves."""
OF_THE_TARGET = {
    "job",
    "instance",
    "service_name",
    "service_namespace",
    "service_version",
    "deployment_environment_name",
    "host_name",
}
ODD = Catalogue(
    "odd",
    Counter("odd.jobs.total", unit="{job}", description="The ending is there already."),
    Counter("odd.total.jobs", unit="1", description="The ending is in the middle."),
    Counter("odd.seconds.of.work", unit="s", description="The unit is in the middle."),
    Gauge("odd.ratio.of.work", unit="1", description="A ratio by name."),
    Gauge("odd.speed", unit="By/s", description="A unit per another."),
    Gauge("odd.rate", unit="{item}/m", description="An annotation per unit."),
    Gauge("odd.share", unit="%", description="Percent."),
    Gauge("odd.heat", unit="Cel", description="Another unit."),
    UpDownCounter("odd.level", unit="1", description="No ratio, since it is no gauge."),
    Histogram("odd.age", unit="fortnight", description="A unit of nobody.", buckets=(1, 2)),
    Histogram("odd.wait", unit="ms", description="Milliseconds.", buckets=(0.5, 2)),
)

Undo = Callable[[], None]
Series = tuple[str, frozenset[tuple[str, str]]]


def value_for(rule: Allowed) -> object:
    if isinstance(rule, AnyText):
        return "x"
    return rule.minimum if isinstance(rule, IntegerRange) else rule[0]


def record(instrument: Declared, attributes: dict[str, Any]) -> Undo:
    """Gives the instrument a point, by a callback: some show only what callbacks report."""
    if isinstance(instrument, Histogram):
        instrument.record(1, attributes)
        return lambda: None
    return instrument.observe(lambda: [Observation(1, attributes)])


def record_as_a_library(metric: External, attributes: dict[str, Any]) -> None:
    declared, meter = metric.declaration, metrics.get_meter("somelib")
    if declared.kind == "histogram":
        meter.create_histogram(declared.name, declared.unit).record(1, attributes)
    elif declared.kind == "gauge":

        def observed(_: CallbackOptions) -> list[Observation]:
            return [Observation(1, attributes)]

        meter.create_observable_gauge(declared.name, [observed], declared.unit)
    elif declared.kind == "counter":
        meter.create_counter(declared.name, declared.unit).add(1, attributes)
    else:
        meter.create_up_down_counter(declared.name, declared.unit).add(1, attributes)


def record_everything(found: list[Catalogue]) -> Iterator[Undo]:
    for catalogue in found:
        for metric in catalogue:
            attributes = {name: value_for(rule) for name, rule in metric.declaration.attributes.items()}
            if isinstance(metric, External):
                record_as_a_library(metric, attributes)
            else:
                yield record(metric, attributes)


@contextmanager
def serving(pages: Mapping[str, Any]) -> Iterator[str]:
    """Serves `/<name>/metrics` for each page and content type; yields the address."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            render, content_type = pages[self.headers["X-Prometheus-Scrape-Job"] or self.path]
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.end_headers()
            self.wfile.write(render())

        def log_message(self, *args: object) -> None:
            """Logs nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@pytest.fixture(name="running", scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[otel.Telemetry, httpx.Client]]:
    """Telemetry with a point of every metric, pushed to Prometheus, which scrapes it in both formats too."""
    port = free_port()
    DeclaredMetrics([*catalogues(), LMS_METRICS, ODD]).forget()
    config = otel.TelemetryConfig.from_env(
        {
            "OTEL_SERVICE_NAME": PUSHED,
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"http://127.0.0.1:{port}/api/v1/otlp/v1/metrics",
            "OTEL_METRIC_EXPORT_INTERVAL": "3600000",  # the test exports, once every metric has its point
            "OTEL_TRACES_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
        }
    )
    folder: Path = tmp_path_factory.mktemp("names") / "etc"
    telemetry = otel.configure(config, catalogue=[LMS_METRICS, ODD])
    with (
        serving({"/metrics": (telemetry.prometheus_text, TEXT)}) as text,
        serving({"/metrics": (telemetry.openmetrics_text, OPENMETRICS)}) as openmetrics,
        stores.prometheus(folder, port, {"tempo": [text], "loki": [openmetrics]}) as api,
    ):
        undos = list(record_everything([*catalogues(), LMS_METRICS, ODD]))
        yield telemetry, api
        telemetry.shutdown(1)
        for undo in undos:
            undo()


def stored(api: httpx.Client, job: str, names: set[str]) -> set[Series]:
    """Returns the series of one origin, without the labels that name the origin."""
    answer = api.get("/api/v1/query", params={"query": f'{{job="{job}"}}'}).raise_for_status().json()
    found = set()
    for each in answer["data"]["result"]:
        labels = {name: value for name, value in each["metric"].items() if name not in OF_THE_TARGET}
        name = labels.pop("__name__")
        if "le" in labels:  # Prometheus writes a whole number as 1.0 if scraped, as 1 if pushed
            labels["le"] = str(float(labels["le"]))
        if name in names:
            found.add((name, frozenset(labels.items())))
    return found


def names_of(metric: Declared | External) -> set[str]:
    name = prometheus_name(metric.declaration)
    histogram = metric.declaration.kind == "histogram"
    return {f"{name}_{ending}" for ending in ("bucket", "count", "sum")} if histogram else {name}


@pytest.mark.parametrize("job", SCRAPED)
def test_a_metric_is_named_the_same_however_it_arrives(
    running: tuple[otel.Telemetry, httpx.Client], job: str
) -> None:
    telemetry, api = running
    names = {
        name for each in (*catalogues(), LMS_METRICS, ODD) for metric in each for name in names_of(metric)
    }
    seen: dict[str, set[Series]] = {}

    def agree() -> bool:
        assert telemetry.flush(10)
        seen.update({origin: stored(api, origin, names) for origin in (PUSHED, job)})
        complete = {name for name, _ in seen[PUSHED]} == names
        return complete and seen[PUSHED] == seen[job]

    def difference() -> str:
        missing = sorted(names - {name for name, _ in seen[PUSHED]})
        ours, theirs = seen[job] - seen[PUSHED], seen[PUSHED] - seen[job]
        each = [sorted(map(str, found)) for found in (ours, theirs)]
        return f"missing: {missing}; only scraped: {each[0]}; only pushed: {each[1]}"

    wait_until(agree, difference, seconds=30)


def test_openmetrics_has_the_exemplars(running: tuple[otel.Telemetry, httpx.Client]) -> None:
    telemetry, api = running
    wait = next(each for each in ODD.instruments if each.name == "odd.wait")
    with trace.get_tracer("t").start_as_current_span("s") as span:
        record(wait, {})
    expected = f"{span.get_span_context().trace_id:032x}"

    def found() -> set[str]:
        wanted = {"query": 'odd_wait_milliseconds_bucket{job="loki"}', "start": "0", "end": "9999999999"}
        answer = api.get("/api/v1/query_exemplars", params=wanted).raise_for_status().json()
        return {each["labels"]["trace_id"] for series in answer["data"] for each in series["exemplars"]}

    wait_until(lambda: expected in found(), "Prometheus has scraped the exemplar")
    assert telemetry.prometheus_text().count(b" # {") == 0
