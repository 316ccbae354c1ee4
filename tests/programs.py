"""Starts the real programs under test, stops them by their process id, and waits for conditions."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from stack.native.ports import free_ports
from stack.native.probes import NO_CERTIFICATES
from stack.settings import REPOSITORY

START_SECONDS: Final = 120.0  # generous, because the machine may be busy
STOP_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.02
_STARTED: Final = ("setpriv", "--pdeathsig", "TERM")


def wait_until(
    condition: Callable[[], object],
    what: str | Callable[[], str],
    seconds: float = START_SECONDS,
    every: float = _POLL_SECONDS,
) -> None:
    """Returns as soon as ``condition``, tried ``every`` so many seconds, is true; a coroutine awaits `wait`.

    Raises:
        TimeoutError: it is not true after ``seconds``; the message names ``what`` was awaited, which may be
            a function that describes the state at the end.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            awaited = what if isinstance(what, str) else what()
            raise TimeoutError(f"timed out after {seconds:g} s waiting until {awaited}")
        time.sleep(every)


async def wait(condition: Callable[[], object], what: str | Callable[[], str]) -> None:
    """Waits like `wait_until`, in a thread, while the event loop goes on."""
    await asyncio.to_thread(wait_until, condition, what)


def free_port() -> int:
    """Returns a port of 127.0.0.1 that this process alone hands out, see `free_ports`."""
    (port,) = free_ports(1)
    return port


class Program:
    """A program that runs until `stop` or `kill`, or until the tests exit; its output goes to a file."""

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path = REPOSITORY,
    ) -> None:
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*_STARTED, *(str(part) for part in command)],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def ready(self, condition: Callable[[], object]) -> None:
        """Waits until `condition` is true; fails with the program's last output if it exits first."""

        def ready_or_gone() -> bool:
            if self._process.poll() is not None:
                raise RuntimeError(f"exited with {self._process.returncode}: {self._log.read_text()[-2000:]}")
            return bool(condition())

        wait_until(ready_or_gone, f"the program of {self._log} was ready")

    def stop(self) -> None:
        """Terminates the program and waits for its exit; kills it if that takes too long."""
        if self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def wait(self) -> int:
        """Waits for the program to exit and returns its status."""
        return self._process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """Kills the program at once."""
        self._process.kill()
        self._process.wait()


@contextmanager
def running(command: Sequence[str], ready: str) -> Iterator[subprocess.Popen[str]]:
    """Runs the program until the block ends; enters the block when the URL `ready` answers 200.

    Raises:
        AssertionError: the program exited before it was ready; with its output.
        TimeoutError: it was not ready in time; with its output.
    """
    with tempfile.TemporaryFile("w+") as output:

        def written() -> str:
            output.seek(0)
            return output.read()

        def answers() -> bool:
            assert process.poll() is None, f"exited before it was ready at {ready}: {written()}"
            return _answers(ready)

        process = subprocess.Popen(command, stdout=output, stderr=output, text=True)
        try:
            wait_until(answers, lambda: f"{ready} answers: {written()}")
            yield process
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1, verify=NO_CERTIFICATES).is_success
    except httpx.TransportError:
        return False
