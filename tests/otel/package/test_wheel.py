"""The distribution `stegmaier-otel`, as used by a team that has only its wheel."""

from __future__ import annotations

import os
import subprocess
import zipfile
from pathlib import Path
from typing import Final

import pytest

from tests.otel.intake import intake
from tests.otel.package.installed import DECLARED, ROOT, build_wheel, install, interpreter_of
from tests.otel.receiver import receiver, text_attributes

THREE_LINES: Final = (ROOT / "README.md").read_text().split("```python\n")[1].split("```")[0]
ONE_REQUEST: Final = f"""
import asyncio, sys
from fastapi import FastAPI

app = FastAPI()

@app.get("/items/{{item_id}}")
async def item(item_id: str) -> dict[str, str]:
    return {{"id": item_id}}

{THREE_LINES}

async def ask() -> list[dict]:
    sent = []
    scope = {{"type": "http", "method": "GET", "path": "/items/7", "headers": [], "query_string": b"",
             "scheme": "http", "asgi": {{"version": "3.0"}}, "http_version": "1.1", "root_path": ""}}
    async def receive(): return {{"type": "http.request", "body": b"", "more_body": False}}
    async def send(message): sent.append(message)
    await app(scope, receive, send)
    return sent

start = asyncio.run(ask())[0]
print(otel.__file__, start["status"], sorted(name.decode() for name, _ in start["headers"]))
print([name for name in ("sentry_sdk", "redis", "pymongo", "httpx") if name in sys.modules])
"""
EVERY_EXTRA: Final = f"""
import asyncio, os
import httpx
from fastapi import FastAPI

{THREE_LINES.replace("otel.instrument(app)", "")}
from redis.asyncio import Redis

app = FastAPI()

@app.get("/courses/{{course_id}}")
async def fail(course_id: str) -> None:
    async with Redis.from_url(os.environ["REDIS_URL"]) as redis:
        await redis.get(course_id)
    raise LookupError("no such course")

otel.instrument(app)

async def ask() -> None:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        print((await client.get("/courses/c1")).status_code)

asyncio.run(ask())
"""


@pytest.fixture(name="wheel", scope="module")
def _wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def run(python: Path, program: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Runs `program` outside the repository, with no settings but `environ`."""
    command = [str(python), "-I", "-c", program]
    clean = {"PATH": os.environ["PATH"], "OTEL_SERVICE_NAME": "items", **environ}
    return subprocess.run(
        command, cwd="/", env=clean, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_wheel_contains_every_module_the_type_marker_and_nothing_else(wheel: Path) -> None:
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "otel").rglob("*.py")}
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == sources | {"otel/py.typed"}


@pytest.mark.parametrize("version", DECLARED)
def test_three_lines_run_with_only_the_declared_dependencies(
    version: str, wheel: Path, tmp_path: Path
) -> None:
    interpreter = interpreter_of(version)
    if interpreter is None:
        pytest.skip(f"no Python {version} on this machine")
    python = install(interpreter, tmp_path / "environment", str(wheel))
    nowhere = dict.fromkeys(("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"), "none")
    done = run(python, ONE_REQUEST, **nowhere)
    assert done.returncode == 0, done.stderr
    *_, served, optional = (line for line in done.stdout.splitlines() if not line.startswith("{"))
    assert served.startswith(f"{tmp_path}/environment/")
    assert " 200 " in served
    assert "x-request-id" in served
    assert optional == "[]"
    refused = run(python, THREE_LINES, **nowhere, SENTRY_DSN="https://public@errors.invalid/1")
    assert refused.stderr.splitlines()[-1].endswith("pip install 'stegmaier-otel[sentry]'")


def test_every_extra_brings_what_it_names(wheel: Path, tmp_path: Path, redis_url: str) -> None:
    python = install(
        interpreter_of(DECLARED[0]) or "python3",
        tmp_path / "environment",
        f"{wheel}[mongo,redis,httpx,sentry]",
    )
    with receiver() as collector, intake() as errors:
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "SENTRY_DSN": errors.dsn}
        done = run(python, EVERY_EXTRA, REDIS_URL=redis_url, **settings)
        assert done.returncode == 0, done.stderr
        spans = {span.name: span for span in collector.spans()}
    assert "500" in done.stdout.splitlines()
    assert {"GET", "GET /courses/{course_id}"} <= spans.keys()
    systems = {text_attributes(span.attributes).get("db.system.name") for span in collector.spans()}
    assert "redis" in systems
    [event] = errors.events
    assert event["exception"]["values"][-1]["type"] == "LookupError"
    assert event["contexts"]["trace"]["trace_id"] == spans["GET /courses/{course_id}"].trace_id.hex()
    assert run(python, "import otel.libraries.mongo").returncode == 0
