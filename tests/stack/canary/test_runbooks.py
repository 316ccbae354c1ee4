"""The canary serves the runbooks to people, and no other file."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Gauge

from stack.canary import served
from tests.programs import free_port


@pytest.fixture(name="address")
def _address(tmp_path: Path) -> Iterator[str]:
    """The address of a server whose folder has one runbook and two files that are none."""
    registry = CollectorRegistry()
    Gauge("served", "x", registry=registry).set(1)
    folder = tmp_path / "runbooks"
    folder.mkdir()
    (folder / "LmsDown.md").write_text("# LmsDown\n\nBücher\n", encoding="utf-8")
    (folder / "notes.txt").write_text("secret")
    (tmp_path / "Secret.md").write_text("secret")
    port = free_port()
    server = served.listening("127.0.0.1", port, registry, folder)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{port}"
    server.shutdown()
    server.server_close()
    thread.join()


def _answer(address: str, path: str, method: str = "GET") -> tuple[int, str, str]:
    """Returns status, media type and body; the path is sent as it is, which httpx would normalise."""
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    found = (answer.status, answer.headers["Content-Type"] or "", answer.read().decode())
    connection.close()
    return found


def test_a_runbook_is_served_as_plain_text(address: str) -> None:
    expected = (200, "text/plain; charset=utf-8", "# LmsDown\n\nBücher\n")
    assert _answer(address, "/runbooks/LmsDown.md") == expected
    assert _answer(address, "/runbooks/LmsDown.md?from=mail") == expected
    assert _answer(address, "/runbooks/LmsDown.md", "HEAD") == (*expected[:2], "")


@pytest.mark.parametrize("path", ["/runbooks", "/runbooks/"])
def test_the_folder_lists_the_runbooks(address: str, path: str) -> None:
    assert _answer(address, path) == (200, "text/plain; charset=utf-8", "/runbooks/LmsDown.md\n")


@pytest.mark.parametrize(
    "path",
    [
        *("/runbooksX", "/runbooks/Absent.md", "/runbooks/notes.txt", "/runbooks/LmsDown"),
        *("/runbooks/../Secret.md", "/runbooks/%2e%2e/Secret.md", "/runbooks/..%2fSecret.md"),
        *(
            "/runbooks//etc/passwd",
            "/runbooks/LmsDown.md/",
            "/runbooks/LmsDown.md%00",
            "/runbooks/lmsdown.md",
        ),
    ],
)
def test_nothing_else_is_served(address: str, path: str) -> None:
    status, kind, body = _answer(address, path)
    assert (status, kind) == (404, "text/plain; charset=utf-8")
    assert "secret" not in body


def test_a_runbook_cannot_be_changed(address: str) -> None:
    assert _answer(address, "/runbooks/LmsDown.md", "PUT")[0] == 405


def test_metrics_are_where_prometheus_looks(address: str) -> None:
    status, _, body = _answer(address, "/metrics")
    assert (status, "served 1.0" in body) == (200, True)


def test_a_visitor_who_says_nothing_does_not_keep_others_waiting(address: str) -> None:
    silent = http.client.HTTPConnection(address, timeout=10)
    silent.connect()
    assert _answer(address, "/metrics")[0] == 200
    silent.close()
