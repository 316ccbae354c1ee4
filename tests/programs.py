"""Starts a program of the stack for one test and stops it by its process id."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

import httpx

from stack.native.probes import NO_CERTIFICATES

PATIENCE = 20.0
PAUSE = 0.05


def free_port() -> int:
    """Returns a port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def running(command: Sequence[str], ready: str) -> Iterator[subprocess.Popen[str]]:
    """Runs the program until the block ends; enters the block when the URL `ready` answers 200.

    Raises:
        AssertionError: the program exited or was not ready in time; with its output.
    """
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, text=True)
        try:
            _wait(process, ready, output)
            yield process
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _wait(process: subprocess.Popen[str], ready: str, output: IO[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not _answers(ready):
        if process.poll() is not None or time.monotonic() > deadline:
            output.seek(0)
            raise AssertionError(f"not ready at {ready}: {output.read()}")
        time.sleep(PAUSE)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1, verify=NO_CERTIFICATES).is_success
    except httpx.TransportError:
        return False
