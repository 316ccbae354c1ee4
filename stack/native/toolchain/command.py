"""Runs one build command, which can be stopped at any moment, and explains its failure."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from stack.native.toolchain.errors import ToolError

_POLL_SECONDS = 0.2
_GRACE_SECONDS = 10
_TAIL_LINES = 6
_NETWORK_SIGNS = (
    "dial tcp", "no such host", "i/o timeout", "tls handshake", "connection refused", "proxyconnect",
    "dns error", "error sending request", "failed to fetch", "name resolution",
)  # fmt: skip


class Stopped(Exception):  # noqa: N818 - not an error but a request
    """The command was stopped together with the whole build."""


@dataclass(frozen=True)
class Setting:
    """Where and how commands run; `stop` terminates them, `tick` is called while they run."""

    folder: Path
    environment: Mapping[str, str]
    log: Path
    stop: Event = field(default_factory=Event)
    tick: Callable[[], None] = lambda: None


def run(what: str, command: Sequence[str], setting: Setting) -> None:
    """Runs the command until it exits; appends its output to the log.

    Raises:
        Stopped: `setting.stop` was set; the command has exited.
        ToolError: it failed; the text names `what`, the last lines of output and the log.
    """
    with setting.log.open("ab") as log:
        try:
            process = subprocess.Popen(
                command,
                cwd=setting.folder,
                env=dict(setting.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A process group of its own: Ctrl-C reaches only us, and we terminate the whole group.
                start_new_session=True,
            )
        except OSError as error:
            raise ToolError(f"{what} failed: {command[0]} cannot be started ({error.strerror}).") from error
        try:
            _wait(process, setting)
        finally:
            _end(process)
    if process.returncode != 0:
        raise ToolError(_explain(what, setting.log))


def _wait(process: subprocess.Popen[bytes], setting: Setting) -> None:
    while process.poll() is None:
        if setting.stop.wait(_POLL_SECONDS):
            raise Stopped
        setting.tick()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    # Go removes its working folder on SIGINT.
    os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _explain(what: str, log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    # A line of one word is the name of a compiled package.
    telling = [line for line in lines if len(line.split()) > 1][-_TAIL_LINES:]
    text = "\n".join(f"  {line}" for line in telling)
    return f"{what} failed{_remedy(text)} The full log is {log}. Its last lines:\n{text}"


def _remedy(text: str) -> str:
    lowered = text.lower()
    if "no space left on device" in lowered:
        return ": the disk is full. Free some space and run it again; it continues where it stopped."
    if any(sign in lowered for sign in _NETWORK_SIGNS):
        return ": a download failed. Check the network and run it again; it continues where it stopped."
    return "."
