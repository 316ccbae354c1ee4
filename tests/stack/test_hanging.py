"""The health checks of docker-compose.yml, run against a server that is well, ill, starting or hanging.

Their `kill` is replaced by one that only says so: it would reach every process of the user.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.programs import free_port

# Those whose client every machine with this project has. The others differ from them in the client only.
PYTHON = ("app", "canary", "bugsink")
WGET = ("prometheus", "alertmanager", "grafana", "mailpit")
KILL = 'kill() { echo "kill $*"; }; '


def check_of(service: dict[str, Any]) -> str:
    """Returns the shell command of a health check."""
    kind, text = service["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    return str(text).replace("$$", "$")


def run(text: str, port: int, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs the check against that port."""
    (folder / "python").symlink_to(sys.executable)
    text = re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{port}", text)
    environ = {"PATH": f"{folder}:{os.environ['PATH']}"}
    command = ["/bin/sh", "-c", KILL + text]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environ)


@contextmanager
def server(status: int) -> Iterator[int]:
    """Answers every request with that status; 0: accepts connections and answers none. Yields its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        if status:
            thread.start()
        try:
            yield listening.server_port
        finally:
            if status:
                listening.shutdown()
                thread.join()


@pytest.mark.parametrize("name", PYTHON)
@pytest.mark.parametrize(
    ("status", "exits", "kills"),
    [(200, 0, ""), (503, 1, ""), (0, 1, "kill -9 -1\n")],
    ids=["well", "ill", "hangs"],
)
def test_only_a_program_that_does_not_answer_is_killed(
    name: str, status: int, exits: int, kills: str, model: dict[str, Any], tmp_path: Path
) -> None:
    check = check_of(model["services"][name])
    # A server that hangs never answers, so there is no need to wait for half a minute.
    check = check if status else re.sub(r"timeout \d+", "timeout 1", check)
    with server(status) as port:
        done = run(check, port, tmp_path)
    assert (done.returncode, done.stdout) == (exits, kills), done.stderr


@pytest.mark.parametrize("name", PYTHON)
def test_a_program_that_starts_is_not_killed(name: str, model: dict[str, Any], tmp_path: Path) -> None:
    done = run(check_of(model["services"][name]), free_port(), tmp_path)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr


def test_the_other_checks_differ_in_their_client_only(model: dict[str, Any]) -> None:
    wget = re.compile(r"timeout \d+ wget -q -O /dev/null http://127\.0\.0\.1:\d+/\S+")
    python = re.compile(r"timeout \d+ python -c \".*?\"")
    ends = {
        pattern.sub("", check_of(model["services"][name]))
        for pattern, names in ((wget, WGET), (python, PYTHON))
        for name in names
    }
    assert len(ends) == 1
