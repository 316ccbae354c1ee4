"""A service independent of the platform, instrumented by the README's three lines, under real uvicorn."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.otel.receiver import Receiver, black_hole, receiver, text_attributes
from tests.programs import wait_until

ROOT = Path(__file__).parents[2]
AN_HOUR = "3600000"
THREE_LINES = (ROOT / "README.md").read_text().split("```python\n")[1].split("```")[0]
SERVICE = """
from fastapi import FastAPI

app = FastAPI()
# three lines
ITEMS = {"1": "lamp"}


@app.get("/items/{item_id}")
async def item(item_id: str) -> dict[str, str]:
    otel.get_logger(service="items").info("item_read", item_id=item_id)
    return {"name": ITEMS[item_id]}


@app.post("/items")
async def create(item: dict[str, str]) -> dict[str, str]:
    return item
"""


@contextmanager
def running(folder: Path, collector: Receiver, *options: str, site: Path | None = None) -> Iterator[str]:
    """Runs the service, which exports to `collector`, until the block ends; yields its URL."""
    with started(folder, collector.url, *options, site=site) as (_, url):
        yield url


@contextmanager
def started(
    folder: Path, collector_url: str, *options: str, site: Path | None = None, **settings: str
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Starts the service; yields its process and its URL, and sends SIGTERM at the end of the block."""
    (folder / "service.py").write_text(SERVICE.replace("# three lines", THREE_LINES))
    (folder / "otel").symlink_to(ROOT / "otel")
    environ = {
        **os.environ,
        "PYTHONPATH": f"{folder}:{site or ''}",
        "OTEL_SERVICE_NAME": "items",
        "OTEL_RESOURCE_ATTRIBUTES": "service.version=1.0,deployment.environment.name=test",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector_url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_BLRP_SCHEDULE_DELAY": "100",
        "OTEL_METRIC_EXPORT_INTERVAL": "300",
        **settings,
    }
    lone = () if site is None else ("-S",)  # without this environment's packages
    output = folder / "output"
    with output.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, *lone, "-m", "uvicorn", "service:app", "--port", "0", *options],
            cwd=folder,
            env=environ,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(
            lambda: process.poll() is not None or "Uvicorn running on" in output.read_text(),
            "it says that it runs",
        )
        assert process.poll() is None, output.read_text()
        url = output.read_text().split("Uvicorn running on ")[1].split(" ")[0].split('"')[0]
        wait_until(lambda: listens(url), "it listens")
        yield process, url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def listens(url: str) -> bool:
    """Tells whether the port accepts connections; workers open it after the supervisor has announced it."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) == 0


def requests_counted(collector: Receiver) -> dict[str, int]:
    """Returns the number of requests by instance of the service."""
    return {
        instance: sum(point.count for point in metric.histogram.data_points)
        for instance, metric in collector.latest("http.server.request.duration").items()
    }


def test_one_request_produces_one_span_one_line_and_one_count(tmp_path: Path) -> None:
    with receiver() as collector:
        with running(tmp_path, collector) as url:
            answer = httpx.post(f"{url}/items", json={"name": "desk"}, headers={"X-Request-ID": "r-1"})
            assert answer.status_code == 200
        [span] = collector.spans()
        assert span.name == "POST /items"
        assert text_attributes(span.attributes)["http.route"] == "/items"
        access = [
            record
            for record in collector.records()
            if text_attributes(record.attributes).get("logger") == "access"
        ]
        assert [text_attributes(record.attributes)["request_id"] for record in access] == ["r-1"]
        assert access[0].trace_id == span.trace_id
        assert list(requests_counted(collector).values()) == [1]
        resource = text_attributes(collector.traces[0].resource_spans[0].resource.attributes)
        assert resource["service.name"] == "items"
        assert resource["deployment.environment.name"] == "test"


def test_an_error_response_carries_its_trace_and_the_error_is_logged_once(tmp_path: Path) -> None:
    with receiver() as collector:
        with running(tmp_path, collector) as url:
            answer = httpx.get(f"{url}/items/9")
        trace_id = answer.headers["traceresponse"].split("-")[1]
        assert (answer.status_code, answer.text) == (500, "Internal Server Error")
        [span] = collector.spans()
        assert span.trace_id.hex() == trace_id
        # uvicorn logs it as well; without our filter the error would be there twice
        [error] = [record for record in collector.records() if record.severity_text == "ERROR"]
        assert error.trace_id.hex() == trace_id


def test_the_last_requests_are_not_lost_when_the_process_is_terminated(tmp_path: Path) -> None:
    with receiver() as collector:
        with running(tmp_path, collector) as url:
            for _ in range(20):
                httpx.get(f"{url}/items/1")
        assert len(collector.spans()) == 20
        assert sum(requests_counted(collector).values()) == 20


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_service_exits_on_a_signal_although_no_export_ends(tmp_path: Path, number: signal.Signals) -> None:
    with black_hole() as url:
        dsn = f"{url.replace('://', '://public@')}/1"  # the error tracker never answers either
        with started(tmp_path, url, SENTRY_DSN=dsn, OTEL_EXPORTER_OTLP_TIMEOUT=AN_HOUR) as (process, service):
            for item in (
                "1",
                "9",
            ):  # the second fails: traces, metrics, logs and error reports are all pending
                httpx.get(f"{service}/items/{item}")
            process.send_signal(number)
            process.wait(120)  # what waited for an export would wait for an hour


@pytest.mark.parametrize("workers", [2])
def test_workers_count_separately_under_stable_instance_ids(tmp_path: Path, workers: int) -> None:
    with receiver() as collector, running(tmp_path, collector, "--workers", str(workers)) as url:
        wait_until(lambda: len(collector.latest("process.uptime")) == workers, "each worker has exported")
        for _ in range(40):
            httpx.get(f"{url}/items/1")
        wait_until(lambda: sum(requests_counted(collector).values()) == 40, "all requests are counted")
        instances = collector.latest("process.uptime").keys()
    numbers = sorted(instance.rpartition("-")[2] for instance in instances)
    assert len(numbers) == workers
    assert all(number.isdigit() for number in numbers)
    assert len(collector.spans()) == 40


DRIVERS = ("redis", "pymongo", "bson", "gridfs", "motor", "httpx", "httpcore", "dns")


def test_a_service_without_databases_needs_no_drivers(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if package.name.partition("-")[0].partition(".")[0] not in DRIVERS:
            (site / package.name).symlink_to(package)
    with receiver() as collector:
        with running(tmp_path, collector, site=site) as url:
            assert httpx.get(f"{url}/items/1").json() == {"name": "lamp"}
        assert [span.name for span in collector.spans()] == ["GET /items/{item_id}"]
