"""The server in this process, with a Prometheus that scrapes itself; the other stores are away."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import uvicorn

from stack.boards.access import USER
from stack.boards.dashboards import load
from stack.boards.server import Server
from stack.boards.settings import Settings
from tests.collector_config.stores import prometheus
from tests.programs import free_port, wait_until

PASSWORD: Final = "correct horse battery"
METRICS: Final = {"type": "prometheus", "uid": "${metrics}"}
LOGS: Final = {"type": "loki", "uid": "${logs}"}
JOB: Final = {
    "name": "job",
    "type": "query",
    "query": {"query": "label_values(up, job)"},
    "multi": True,
    "includeAll": True,
    "allValue": ".*",
}


def panel(number: int, kind: str, *queries: Mapping[str, Any], **changes: object) -> dict[str, Any]:
    targets = [
        {"refId": chr(65 + index), "datasource": METRICS, **each} for index, each in enumerate(queries)
    ]
    place = {"x": 0, "y": number, "w": 12, "h": 8}
    field = {"defaults": {"unit": "short", "noValue": "nothing yet"}}
    found = {"id": number, "type": kind, "title": f"{kind} {number}", "gridPos": place, "datasource": METRICS}
    return {**found, "targets": targets, "fieldConfig": field} | changes


def write_board(folder: Path, *panels: dict[str, Any], **changes: object) -> None:
    folder.mkdir(exist_ok=True)
    board = {
        "uid": "a-board",
        "title": "A board",
        "description": "What is up?",
        "panels": list(panels),
        "templating": {"list": [JOB]},
    }
    (folder / "a-board.json").write_text(json.dumps(board | changes))


@contextmanager
def scraped(folder: Path) -> Iterator[str]:
    """Runs a Prometheus that has scraped itself; yields its address."""
    port = free_port()
    with prometheus(folder, port, {"prometheus": [f"127.0.0.1:{port}"]}) as client:

        def ups() -> object:
            return client.get("/api/v1/query", params={"query": "count_over_time(up[1m]) > 2"}).json()[
                "data"
            ]["result"]

        wait_until(ups, "Prometheus has scraped itself")
        yield str(client.base_url).rstrip("/")


def settings(folder: Path, prometheus_url: str = "", **changes: Any) -> Settings:  # noqa: ANN401 - as the fields
    (folder / "password").write_text(f"{PASSWORD}\n")
    nowhere = f"http://127.0.0.1:{free_port()}"
    given: dict[str, Any] = {
        "password_file": folder / "password",
        "prometheus_url": prometheus_url or nowhere,
        "alertmanager_url": nowhere,
        "victorialogs_url": nowhere,
        "jaeger_url": nowhere,
    }
    return Settings(**given | changes)


@asynccontextmanager
async def served(found: Settings, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Yields a client of the server with the boards of a folder; it has not logged in."""
    app = Server(found, load(folder)).app()
    transport = httpx.ASGITransport(app, client=("192.0.2.1", 1))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:3000") as client,
    ):
        yield client


async def log_in(client: httpx.AsyncClient, password: str = PASSWORD) -> httpx.Response:
    return await client.post("/login", data={"user": USER, "password": password})


@contextmanager
def listening(found: Settings, folder: Path) -> Iterator[str]:
    """Runs the server with the boards of a folder, for a browser; yields its address."""
    port = free_port()
    app = Server(found, load(folder)).app()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started, "the server listens")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
