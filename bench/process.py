"""Runs the stack's own programs for a measurement and stops them by process id."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import httpx
import psutil

from stack.native.ports import LOOPBACK

PATIENCE: Final = 90.0
PAUSE: Final = 0.05
_TAIL: Final = 4000
# The part of our environment that programs inherit; other variables are passed by name.
_PASSED: Final = ("PATH", "HOME", "TMPDIR", "LANG")


class BenchError(Exception):
    """A measurement cannot continue; the message names the part and the fix."""


async def until(what: str, condition: Callable[[], Awaitable[bool]], patience: float = PATIENCE) -> None:
    """Returns as soon as the condition is true.

    Args:
        what: the condition in words, for the error.
        condition: asked again after a pause, which grows from 50 ms to half a second.
        patience: seconds.

    Raises:
        BenchError: it did not become true in time.
    """
    deadline, pause = time.monotonic() + patience, PAUSE
    while not await condition():
        if time.monotonic() > deadline:
            raise BenchError(f"not within {patience:g} s: {what}")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.5)


class Program:
    """One process of the stack, started with a small environment, its output kept in a file.

    Args:
        name: for messages and the name of the output file.
        command: the program and its arguments.
        folder: where its output goes, as ``<name>.log``.
        ready: URL that answers 200 as soon as it works.
        environment: variables besides PATH and similar ones.
    """

    def __init__(
        self, name: str, command: Sequence[str], folder: Path, ready: str, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self.command = list(command)
        self.ready = ready
        self.output = folder / f"{name}.log"
        self.environment = {key: os.environ[key] for key in _PASSED if key in os.environ} | dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Returns whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def handle(self) -> psutil.Process:
        """Returns the process, to read its CPU and memory usage.

        Raises:
            BenchError: it was not started.
        """
        if self._process is None:
            raise BenchError(f"{self.name} was not started")
        return psutil.Process(self._process.pid)

    def launch(self) -> None:
        """Starts the process without waiting, in its own session: Ctrl-C reaches only us."""
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                self.command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    async def start(self) -> None:
        """Starts the process and returns when it is ready.

        Raises:
            BenchError: it exited or is not ready in time; the message has the tail of its output.
        """
        self.launch()
        try:
            async with httpx.AsyncClient() as client:
                await until(f"{self.name} ready at {self.ready}", lambda: self._answers(client))
        except BenchError as error:
            await self.stop()
            raise BenchError(f"{error}; it wrote:\n{self.tail()}") from None

    async def _answers(self, client: httpx.AsyncClient) -> bool:
        if not self.running:
            raise BenchError(f"{self.name} exited before it was ready")
        try:
            return (await client.get(self.ready, timeout=2)).is_success
        except httpx.TransportError:
            return False

    async def stop(self) -> None:
        """Terminates the process (SIGTERM), and kills it if that takes more than 90 s."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            await asyncio.to_thread(self._process.wait, PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kills the process at once (SIGKILL): it cannot save anything."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def tail(self) -> str:
        """Returns the tail of the process's output."""
        return self.output.read_text(errors="replace")[-_TAIL:] if self.output.exists() else ""


def local(port: int, path: str = "") -> str:
    """Returns the URL of a loopback port."""
    return f"http://{LOOPBACK}:{port}{path}"
