"""A scratch stack with a bundle and nothing else of ours: real programs, and another team's service."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import yaml

from app.infra.stores.client import Login, StoreClient
from stack.boards.dashboards import Dashboard, Target, load
from stack.boards.expansion import Value, expand
from stack.boards.logql import parsed
from stack.boards.logsql import logsql
from stack.boards.traces import Jaeger
from stack.boards.window import Window
from stack.bundle.__main__ import main
from stack.native import logins
from stack.native.probes import NO_CERTIFICATES
from stack.native.tools import tool_path
from stack.settings import REPOSITORY
from tests.app.infra.stores.conftest import PASSWORD
from tests.app.infra.stores.jaegers import jaeger
from tests.backends import RedisServer
from tests.collector_config import collector, stores
from tests.programs import free_port, running

SERVICE: Final = "shop"
APP: Final = """
import asyncio
import os

import otel
import redis.asyncio
from fastapi import FastAPI, Response

app = FastAPI()
otel.configure(otel.TelemetryConfig.from_env())
otel.instrument(app)
cache = redis.asyncio.from_url(os.environ["REDIS_URL"])
NAMES = {"1": "lamp", "large": "sofa"}
SECONDS = {"large": 1.1}  # a little more than the threshold api_p95


@app.get("/items/{item_id}")
async def item(item_id: str) -> dict[str, str]:
    await cache.get(item_id)
    await asyncio.sleep(SECONDS.get(item_id, 0))
    otel.get_logger("items").info("item_read")
    return {"name": NAMES[item_id]}


@app.get("/metrics")
async def metrics() -> Response:
    return Response("", media_type="text/plain; version=0.0.4")
"""
FRAGMENTS: Final = (
    *("base.yaml", "mask.yaml", "quotas.yaml", "host-metrics.yaml", "span-metrics.yaml", "prometheus.yaml"),
    *("jaeger.yaml", "victorialogs.yaml"),
)


@dataclass(frozen=True)
class Shop:
    """What runs: the service, the stores, and the bundle that it was written to."""

    bundle: Path
    url: str
    prometheus: httpx.Client
    alertmanager: str
    logs: str
    traces: str

    def visit(self) -> None:
        """Asks for what there is, for what is slow, for what the service fails at, and does not allow."""
        for method, item in (("GET", "1"), ("GET", "large"), ("GET", "2"), ("POST", "1")):
            httpx.request(method, f"{self.url}/items/{item}", timeout=10, verify=NO_CERTIFICATES)

    def boards(self) -> list[Dashboard]:
        """Returns the dashboards of the bundle."""
        return load(self.bundle / "grafana" / "dashboards")

    def blank(self) -> list[tuple[str, str, str]]:
        """Returns board, panel and letter of each query that finds nothing."""
        return [
            (board.uid, panel.title, target.ref_id)
            for board in self.boards()
            for panel in board.panels
            for target in panel.targets
            if not self._found(target, board)
        ]

    def _found(self, target: Target, board: Dashboard) -> bool:
        window = Window.of("now-10m", "now", now=self._now())
        values = {each.name: Value((".*",), several=True, everything=".*") for each in board.variables}
        values |= {each.name: Value((each.query,)) for each in board.variables if each.kind == "textbox"}
        if "service" in values:
            (chosen,) = [each.chosen for each in board.variables if each.name == "service"]
            assert chosen == (SERVICE,)
        query = expand(target.text, values, window, source=target.source)
        if target.source == "logs":
            return bool(stores.records(self.logs, logsql(parsed(query))))
        if target.source == "traces":
            return asyncio.run(self._has_a_trace(query, target, window))
        return self._has_a_number(query, target, window)

    async def _has_a_trace(self, query: str, target: Target, window: Window) -> bool:
        client = StoreClient("traces", self.traces, seconds=20, login=Login(logins.USER, PASSWORD))
        try:
            return bool(await Jaeger(client).search(target, query, window))
        finally:
            await client.close()

    def _has_a_number(self, query: str, target: Target, window: Window) -> bool:
        if target.instant:
            asked = {"query": query, "time": str(window.end)}
            answer = self.prometheus.post("/api/v1/query", data=asked)
        else:
            asked = {"query": query, "start": str(window.start), "end": str(window.end), "step": "15"}
            answer = self.prometheus.post("/api/v1/query_range", data=asked)
        assert answer.is_success, f"{query}: {answer.text}"
        series = answer.json()["data"]["result"]
        points = [point for each in series for point in each.get("values") or [each["value"]]]
        return any(value != "NaN" for _, value in points)

    def _now(self) -> float:
        answer = self.prometheus.get("/api/v1/query", params={"query": "time()"})
        return float(answer.json()["data"]["result"][0])


@contextmanager
def opened(folder: Path) -> Iterator[Shop]:
    """Installs a bundle as its README says, and runs what it is for, until the block ends."""
    bundle = folder / "bundle"
    where = ["--out", str(bundle), "--alertmanager", str(bundle / "alertmanager")]
    assert main(["--service", SERVICE, *where]) == 0
    ports = {name: free_port() for name in ("prometheus", "alertmanager")}
    with ExitStack() as stack:
        logs = stack.enter_context(stores.victorialogs(folder / "logs"))
        traces = stack.enter_context(jaeger())
        (folder / "collector").mkdir()
        login = folder / "login"
        login.write_text(f"Authorization: {logins.basic(PASSWORD)}")
        gateway = stack.enter_context(
            collector.running(
                FRAGMENTS,
                folder / "collector",
                PROMETHEUS_URL=f"http://127.0.0.1:{ports['prometheus']}",
                VICTORIALOGS_URL=logs,
                JAEGER_OTLP_URL=traces.otlp.removesuffix("/v1/traces"),
                JAEGER_HEADERS_FILE=str(login),
                HOST_METRICS_INTERVAL="1s",
                SPAN_METRICS_INTERVAL="1s",
                HOST_NAME="shop-host",
            )
        )
        url = stack.enter_context(_service(folder, gateway))
        addresses = {
            SERVICE: url,
            "collector": f"127.0.0.1:{gateway.environment['COLLECTOR_METRICS_PORT']}",
            "prometheus": f"127.0.0.1:{ports['prometheus']}",
            "alertmanager": f"127.0.0.1:{ports['alertmanager']}",
            "victorialogs": logs,
        }
        _address(bundle, addresses)
        _hasten(bundle)
        stack.enter_context(_alertmanager(folder, bundle, ports["alertmanager"]))
        client = stack.enter_context(_prometheus(folder, bundle, ports["prometheus"]))
        alertmanager = f"http://127.0.0.1:{ports['alertmanager']}"
        yield Shop(bundle, url, client, alertmanager, logs, traces.url)


def _address(bundle: Path, addresses: Mapping[str, str]) -> None:
    """Step 1 of the README: the addresses of what runs."""
    for job, address in addresses.items():
        path = bundle / "prometheus" / "targets" / f"{job}.json"
        assert path.is_file(), job
        path.write_text(json.dumps([{"targets": [address.removeprefix("http://")]}]))


def _hasten(bundle: Path) -> None:
    """Scrapes and evaluates every second; which files there are, and what is in them, stays."""
    path = bundle / "prometheus" / "prometheus.yml"
    content = yaml.safe_load(path.read_text())
    quick = {"scrape_interval": "1s", "scrape_timeout": "1s"}
    content["global"] |= quick | {"evaluation_interval": "1s"}
    content["scrape_configs"] = [job | quick for job in content["scrape_configs"]]
    path.write_text(yaml.safe_dump(content))
    for rules in (bundle / "prometheus" / "rules").glob("*.yml"):
        groups = yaml.safe_load(rules.read_text())
        for group in groups["groups"]:
            group["interval"] = "1s"
        rules.write_text(yaml.safe_dump(groups))


@contextmanager
def _service(folder: Path, gateway: collector.Collector) -> Iterator[str]:
    """Runs the service, with a Redis of its own."""
    place = folder / "service"
    place.mkdir()
    (place / "shop.py").write_text(APP)
    (place / "otel").symlink_to(REPOSITORY / "otel")
    cache = RedisServer(folder)
    settings = {
        "PYTHONPATH": str(place),
        "REDIS_URL": cache.url,
        "OTEL_SERVICE_NAME": SERVICE,
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=production,service.instance.id=shop-1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": gateway.url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer {gateway.token}",
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        "TELEMETRY_SLOW_QUERY_MS": "0",
    }
    port = free_port()
    given = [f"{key}={value}" for key, value in settings.items()]
    command = [sys.executable, "-m", "uvicorn", "shop:app", "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    try:
        with running(["/usr/bin/env", "-C", str(place), *given, *command], f"{url}/metrics"):
            yield url
    finally:
        cache.stop()


@contextmanager
def _alertmanager(folder: Path, bundle: Path, port: int) -> Iterator[None]:
    command = [
        str(tool_path("alertmanager")),
        f"--config.file={bundle / 'alertmanager' / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with running(command, f"http://127.0.0.1:{port}/-/ready"):
        yield


@contextmanager
def _prometheus(folder: Path, bundle: Path, port: int) -> Iterator[httpx.Client]:
    command = [
        str(tool_path("prometheus")),
        f"--config.file={bundle / 'prometheus' / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-otlp-receiver",
        "--enable-feature=exemplar-storage",
    ]
    url = f"http://127.0.0.1:{port}"
    with running(command, f"{url}/-/ready"), httpx.Client(base_url=url, timeout=10) as client:
        yield client
