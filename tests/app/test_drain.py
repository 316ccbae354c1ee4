"""A rolling restart loses no request: from SIGTERM on it is not ready, and serves until the drain ends."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from stack.native.probes import NO_CERTIFICATES
from tests.app.served import served_platform
from tests.programs import Program, wait_until

DRAIN_SECONDS = 4


class Served:
    """`python -m app` in a process of its own."""

    def __init__(self, program: Program, url: str, log: Path) -> None:
        self.program = program
        self.port = int(url.rpartition(":")[2])
        self.url = url
        self.log = log

    def get(self, path: str) -> httpx.Response:
        """Sends a request on a connection of its own."""
        return httpx.get(f"{self.url}{path}", timeout=20, verify=NO_CERTIFICATES)

    def all_started(self, workers: int) -> bool:
        """Tells whether every worker serves."""
        return self.log.read_text().count("Application startup complete") == workers

    def all_drain(self, workers: int) -> bool:
        """Tells whether every worker has begun to drain: each logs it once."""
        return self.log.read_text().count('"draining"') == workers


@contextmanager
def serving(folder: Path, mongodb_url: str, redis_url: str, **settings: object) -> Iterator[Served]:
    environment = {key: str(value) for key, value in settings.items()}
    with served_platform(folder, mongodb_url, redis_url, environment) as served:
        yield Served(*served)


@pytest.mark.parametrize("workers", [1, 2])
def test_after_sigterm_it_is_not_ready_and_serves_until_the_drain_ends(
    workers: int, tmp_path: Path, mongodb_url: str, redis_url: str
) -> None:
    settings = {"LMS_WORKERS": workers, "LMS_DRAIN_SECONDS": DRAIN_SECONDS}
    with serving(tmp_path, mongodb_url, redis_url, **settings) as served:
        assert served.get("/startupz").status_code == 200
        assert "connection" not in served.get("/api/v1/courses").headers
        wait_until(lambda: served.all_started(workers), "every worker serves")
        with httpx.Client(base_url=served.url, timeout=20, verify=NO_CERTIFICATES) as kept:
            kept.get("/livez")  # opens a connection that is kept
            os.kill(served.program.pid, signal.SIGTERM)
            wait_until(lambda: served.all_drain(workers), "every worker drains")

            assert served.get("/readyz").status_code == 503
            assert served.get("/livez").status_code == 200
            answers = [kept.get("/api/v1/courses"), *(served.get("/api/v1/courses") for _ in range(5))]
            assert {answer.status_code for answer in answers} == {200}
            assert {answer.headers["connection"] for answer in answers} == {"close"}

        assert served.program.wait() in {0, -signal.SIGTERM}
        assert "Traceback" not in served.log.read_text()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", served.port), timeout=20)


def test_a_request_in_progress_when_the_drain_ends_is_answered(
    tmp_path: Path, mongodb_url: str, redis_url: str
) -> None:
    with serving(tmp_path, mongodb_url, redis_url, LMS_DRAIN_SECONDS=0.2) as served:
        with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
            body = b'{"email":"nobody@example.org","password":"wrong"}'
            head = ["POST /api/v1/auth/login HTTP/1.1", "Host: x", "Content-Type: application/json"]
            head += [f"Content-Length: {len(body)}", "", ""]
            connection.sendall("\r\n".join(head).encode())
            os.kill(served.program.pid, signal.SIGTERM)
            wait_until(lambda: "Waiting for connections to close" in served.log.read_text(), "it stops")
            connection.sendall(body)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert served.program.wait() in {0, -signal.SIGTERM}


def test_a_second_sigterm_ends_the_drain(tmp_path: Path, mongodb_url: str, redis_url: str) -> None:
    with serving(tmp_path, mongodb_url, redis_url, LMS_DRAIN_SECONDS=600) as served:
        os.kill(served.program.pid, signal.SIGTERM)
        wait_until(lambda: served.all_drain(1), "it drains")
        os.kill(served.program.pid, signal.SIGTERM)
        assert served.program.wait() in {0, -signal.SIGTERM}


def test_an_interrupt_does_not_wait_for_a_drain(tmp_path: Path, mongodb_url: str, redis_url: str) -> None:
    with serving(tmp_path, mongodb_url, redis_url, LMS_DRAIN_SECONDS=600) as served:
        os.kill(served.program.pid, signal.SIGINT)
        served.program.wait()
        assert "draining" not in served.log.read_text()


def test_the_platforms_own_processes_end_with_it(tmp_path: Path, mongodb_url: str, redis_url: str) -> None:
    with serving(tmp_path, mongodb_url, redis_url, LMS_WORKERS=2, LMS_DRAIN_SECONDS=0) as served:
        workers = psutil.Process(served.program.pid).children()
        os.kill(served.program.pid, signal.SIGTERM)
        served.program.wait()
        wait_until(lambda: not any(each.is_running() for each in workers), "the workers have ended")
        assert "draining" not in served.log.read_text()
