"""Wraps process-compose: runs it in its own session, queries it over a socket that only its owner can open.

The socket is a Unix socket in a private folder, because the TCP interface listens on every address without a
password. The session is created here, because process-compose's detached mode hides why it failed to start.
"""

from __future__ import annotations

import hashlib
import http
import http.client
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from stack.native import liveness
from stack.native.session import Session, kill, wait_gone
from stack.settings import SettingsError

UNREACHABLE: Final = (OSError, http.client.HTTPException)
SOCKET_PATH_LIMIT: Final = 100  # sockaddr_un holds 108 bytes
ANSWER_SECONDS: Final = 10.0
STOP_SECONDS: Final = 90.0
# What it answers to a stop if the part ended just as its time ran out and it was to be killed (ESRCH).
ENDED: Final = "no such process"
LEADER_SECONDS: Final = 5.0
KILL_SECONDS: Final = 5.0
# What a process may need from the caller's environment; nothing else is passed on.
INHERITED: Final = (
    *("PATH", "HOME", "LANG", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("STACK_CACHE_DIR", "XDG_CACHE_HOME"),  # where the programs are
)
PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
# The supervisor collects garbage at 1.25 times the live heap, not 2 times, like the Go programs it runs.
GARBAGE: Final = {"GOGC": "25"}
LOOPBACK: Final = "127.0.0.1,localhost"
# The supervisor's own: it takes them out of its environment before it starts a part.
LIVENESS_FILE: Final = "LIVENESS_FILE"
LIVENESS_SOCKET: Final = "LIVENESS_SOCKET"


class StackError(Exception):
    """The stack cannot do what was asked; the message names the part, the reason and the fix."""


@dataclass(frozen=True)
class State:
    """One part as the supervisor sees it; ``status`` is process-compose's (Running, Restarting...)."""

    name: str
    status: str
    ready: bool
    restarts: int
    exit_code: int
    pid: int


class Supervisor:
    """The process-compose of one data folder."""

    def __init__(self, folder: Path) -> None:
        self.run = folder / "run"
        self.log = folder / "logs" / "supervisor.log"
        self._record = self.run / "session.json"
        self._output = folder / "logs" / "supervisor.out"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        """The socket's path: in the data folder, or in a private temporary one if that path is too long."""
        path = self.run / "supervisor.sock"
        if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
            return path
        digest = hashlib.sha256(os.fsencode(self.run)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"stack-{os.getuid()}-{digest}" / "supervisor.sock"

    def session(self) -> Session | None:
        """Returns the session of the last start since boot, running or not."""
        return Session.load(self._record)

    def running(self) -> bool:
        """Returns whether the supervisor is running."""
        session = self.session()
        return session is not None and session.alive()

    def start(self, program: Path, config: Path, environ: Mapping[str, str]) -> None:
        """Starts process-compose on ``config`` and waits until it answers.

        Raises:
            StackError: it exited or did not answer in time; the message includes its output.
        """
        _private_folder(self.run)
        _private_folder(self.socket.parent)
        command = [
            str(program),
            "--config",
            str(config),
            "--tui=false",
            "--disable-dotenv",
            "--ordered-shutdown",
            # Who asks for a state gets memory and CPU time too, for which it reads all of /proc: half of the
            # CPU time of a start, and nobody uses them.
            "--slow-ref-rate=876000h",
        ]
        command += ["--use-uds", "--unix-socket", str(self.socket), "--log-file", str(self.log)]
        with self._output.open("wb") as output:
            self._child = process = subprocess.Popen(
                command,
                cwd=self.run.parent,
                env=child_environment(environ) | GARBAGE | self._watched(config),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=output,
                start_new_session=True,
            )
        Session.of(process.pid).save(self._record)
        self._await_answer(process)

    def _watched(self, config: Path) -> dict[str, str]:
        """Returns where the supervisor finds what to ask the parts, if that file is beside ``config``."""
        plan = config.with_name(liveness.FILE)
        return {LIVENESS_FILE: str(plan), LIVENESS_SOCKET: str(self.socket)} if plan.exists() else {}

    def _await_answer(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + ANSWER_SECONDS
        while not self.answers():
            if process.poll() is not None or time.monotonic() > deadline:
                said = self._output.read_text(encoding="utf-8", errors="replace").strip()
                raise StackError(f"The supervisor did not start: {said or 'no output'} (log: {self.log})")
            time.sleep(0.05)

    def answers(self) -> bool:
        """Returns whether the supervisor answers; waits up to ten seconds for it."""
        try:
            return self._request("GET", "/live")[0]
        except UNREACHABLE:
            return False

    def states(self) -> dict[str, State]:
        """Returns each part's state; empty while the supervisor shuts down or is gone."""
        try:
            _, answer = self._request("GET", "/processes")
        except UNREACHABLE:
            return {}
        return {item["name"]: _state(item) for item in answer["data"]}

    def last_lines(self, part: str, count: int = 15) -> list[str]:
        """Returns a part's last lines of output from memory, so a full disk does not matter."""
        try:
            # Limit 0 means everything up to the end. Any other limit counts from the wrong end.
            _, answer = self._request("GET", f"/process/logs/{part}/{count}/0")
        except UNREACHABLE:
            return []
        return list(answer.get("logs") or [])

    def start_part(self, part: str) -> None:
        """Starts a part that is not running.

        Raises:
            StackError: it is already running, or there is no such part.
        """
        self._command("POST", f"/process/start/{part}")

    def stop_part(self, part: str) -> None:
        """Stops a part and leaves it stopped.

        Raises:
            StackError: it is not running, or there is no such part.
        """
        self._command("PATCH", f"/process/stop/{part}", ENDED)

    def _command(self, method: str, path: str, harmless: str | None = None) -> None:
        done, answer = self._request(method, path)
        if not done and answer.get("error") != harmless:
            raise StackError(f"The supervisor refused {path}: {answer.get('error', answer)}")

    def _request(self, method: str, path: str) -> tuple[bool, Any]:
        """Returns whether the request succeeded, and the answer.

        Raises:
            OSError, HTTPException: it does not answer.
        """
        # Only a command takes long: it is answered when the part has ended.
        seconds = ANSWER_SECONDS if method == "GET" else STOP_SECONDS
        with closing(_UnixConnection(self.socket, seconds)) as connection:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status < http.HTTPStatus.MULTIPLE_CHOICES, json.load(answer)

    def members(self) -> list[psutil.Process]:
        """Returns every living process of the last start."""
        session = self.session()
        return session.members() if session else []

    def stop(self, notice: Callable[[str], None]) -> int:
        """Stops every process in order and waits until none is left; returns how many there were.

        Each part gets its own time to exit (`shutdown.timeout_seconds`); what outlives that is killed, and
        ``notice`` gets their names.
        """
        before = self.members()
        session = self.session()
        if session is not None and session.alive():
            kill([process for process in before if process.pid == session.leader], signal.SIGTERM)
            # process-compose 1.64 may hang if stopped while a part waits for one that never started.
            parts_left = wait_gone(lambda: self._parts(session), STOP_SECONDS)
            left = wait_gone(self.members, 0 if parts_left else LEADER_SECONDS)
        else:
            kill(before, signal.SIGTERM)
            left = wait_gone(self.members, STOP_SECONDS / 3)
        if left:
            notice(
                f"Killing what did not exit in time: {', '.join(f'{p.name()} (pid {p.pid})' for p in left)}"
            )
            kill(left, signal.SIGKILL)
            wait_gone(self.members, KILL_SECONDS)
        self._reap()
        self._record.unlink(missing_ok=True)
        self.socket.unlink(missing_ok=True)
        return len(before)

    def _parts(self, session: Session) -> list[psutil.Process]:
        return [process for process in self.members() if process.pid != session.leader]

    def _reap(self) -> None:
        """Collects the supervisor's exit status, if this process started it."""
        if self._child is not None:
            self._child.wait(KILL_SECONDS)
            self._child = None


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket. httpx can do it too, but leaks the socket if there is no answer."""

    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("supervisor", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        """Opens the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Returns the few variables that every part inherits; loopback always bypasses a proxy."""
    kept = {key: environ[key] for key in (*INHERITED, *PROXIES) if key in environ}
    if any(key in kept for key in PROXIES):
        direct = ",".join(filter(None, (environ.get("NO_PROXY") or environ.get("no_proxy"), LOOPBACK)))
        kept |= {"NO_PROXY": direct, "no_proxy": direct}
    return kept


def _private_folder(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_uid != os.getuid():
        raise SettingsError(f"{path} belongs to another user: set STACK_DATA_DIR to a folder of your own")
    path.chmod(0o700)


def _state(item: Mapping[str, object]) -> State:
    return State(
        name=str(item["name"]),
        status=str(item["status"]),
        ready=item["is_ready"] == "Ready",
        restarts=int(str(item["restarts"])),
        exit_code=int(str(item["exit_code"])),
        pid=int(str(item["pid"])),
    )
