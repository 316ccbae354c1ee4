"""Servers that end in different ways: with and without lifespan, during startup, recycled, preloaded."""

from __future__ import annotations

import signal
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.otel.intake import intake
from tests.otel.processes import BEGIN, Service, serving
from tests.otel.receiver import receiver
from tests.programs import wait_until

APP = """
from contextlib import asynccontextmanager
from fastapi import FastAPI

@asynccontextmanager
async def lifespan(app):
    if os.environ.get("CRASH"):
        leave("the start")
        raise RuntimeError("the start fails")
    yield

app = FastAPI(lifespan=lifespan)

@app.get("/job")
async def job(name: str):
    leave(name)
    return os.getpid()

@app.get("/coroutine")
async def exit_in_the_loop():
    leave("an exit")
    sys.exit(6)

@app.get("/thread")
def exit_in_a_thread():
    leave("an exit")
    sys.exit(6)

start()
otel.instrument(app)
"""


@contextmanager
def served(folder: Path, module: str, *options: str, **environ: str) -> Iterator[tuple[Service, str]]:
    """Starts the server `module` with the application; yields the service and its URL at once."""
    (folder / "service.py").write_text(BEGIN + APP)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        fd = str(listening.fileno())
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        bind = ["--fd", fd] if module == "uvicorn" else ["--bind", f"fd://{fd}"]
        command = [sys.executable, "-m", module, "service:app", *bind, *options]
        with (
            receiver() as collector,
            intake() as errors,
            serving(folder, command, collector, errors, environ, keep=(listening.fileno(),)) as service,
        ):
            yield service, url


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=120) as answer:  # noqa: S310 - our own server
        text: str = answer.read().decode()
        return text


@pytest.mark.parametrize("lifespan", ["on", "off"])
def test_uvicorn_sends_everything_after_a_signal(tmp_path: Path, lifespan: str) -> None:
    with served(tmp_path, "uvicorn", "--lifespan", lifespan) as (service, url):
        get(f"{url}/job?name=job")
        assert service.end(signal.SIGTERM) == -signal.SIGTERM
        left = service.left()
    assert left.reports == {"job": 1}
    assert (left.spans["job"], left.records["job"], left.lines["job"], left.jobs) == (1, 1, 1, 1)
    assert left.spans["GET /job"] == 1
    assert any(event.startswith("Finished server process") for event in service.events)


def test_a_crash_during_startup_is_reported_and_keeps_its_exit_status(tmp_path: Path) -> None:
    with served(tmp_path, "uvicorn", CRASH="yes") as (service, _):
        assert service.end() == 3
        left = service.left()
    assert left.reports == {"the start": 1, "the start fails": 1}
    assert (left.spans, left.lines["the start"], left.jobs) == ({"the start": 1}, 1, 1)
    assert any("the start fails" in text for text in left.records)


@pytest.mark.parametrize("where", ["coroutine", "thread"])
def test_an_exit_in_a_handler_ends_only_the_request(tmp_path: Path, where: str) -> None:
    with served(tmp_path, "uvicorn", "--lifespan", "off") as (service, url):
        with pytest.raises(urllib.error.HTTPError, match="500"):
            get(f"{url}/{where}")
        get(f"{url}/job?name=job")
        assert service.end(signal.SIGTERM) == -signal.SIGTERM
        left = service.left()
    left.assert_of("an exit", "job")
    assert (left.records["unhandled_error"], left.lines["unhandled_error"], left.reports["6"]) == (1, 1, 1)


GUNICORN = ("--worker-class", "uvicorn.workers.UvicornWorker", "--workers", "1", "--graceful-timeout", "30")


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["not preloaded", "preloaded"])
def test_a_worker_that_gunicorn_recycles_sends_everything(tmp_path: Path, preload: tuple[str, ...]) -> None:
    with served(tmp_path, "gunicorn", *GUNICORN, "--max-requests", "2", *preload) as (service, url):
        workers = [get(f"{url}/job?name=job-0")]

        def is_recycled() -> bool:
            try:
                workers.append(get(f"{url}/job?name=job-{len(workers)}"))
            except urllib.error.HTTPError:
                raise
            except OSError:  # the worker that leaves accepted the connection and closed it unread
                return False
            return workers[-1] != workers[0]

        wait_until(is_recycled, "the worker is recycled")
        assert service.end(signal.SIGTERM) == 0
        service.left().assert_of(*(f"job-{number}" for number in range(len(workers))))


def test_telemetry_of_a_preloading_server_is_sent_once_and_not_by_its_worker(tmp_path: Path) -> None:
    hooks = tmp_path / "hooks.py"
    hooks.write_text('import service\ndef when_ready(server):\n    service.leave("preloaded")\n')
    with served(tmp_path, "gunicorn", *GUNICORN, "--preload", "--config", str(hooks)) as (service, url):
        get(f"{url}/job?name=job")
        assert service.end(signal.SIGTERM) == 0
        left = service.left()
    left.assert_of("preloaded", "job")
    assert left.jobs == 2
