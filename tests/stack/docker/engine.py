"""A container engine of the tests' own: Podman as root, apart from all else on the machine."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx

from stack.native.toolchain.cache import cache_dir
from tests.programs import Program

PROGRAMS: Final = ("podman", "runc", "debootstrap", "iptables")
HEALTH_SECONDS: Final = 0.5
START_INTERVAL: Final = 1.0  # as `start_interval` of newer engines: until the start period ends
UNUSED: Final = "336h"  # the layers of builds that no image has a name for
# Podman knows from its absence that the machine was started again, so it must not outlive that.
RUN: Final = Path("/run/stegmaier-lms-containers")
# crun refuses mixed cgroups, and the machine may not raise the limits of processes and files to Podman's own.
SETTINGS: Final = f"""
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "{RUN}/libpod"
[network]
network_backend = "netavark"
"""


class NoEngineError(Exception):
    """This machine runs no containers; the message says why."""


class Engine:
    """Podman with its storage in the tools' cache; `socket` answers as Docker's daemon does."""

    def __init__(self) -> None:
        """Writes the engine's settings.

        Raises:
            NoEngineError: the user is not root, a program is not installed, or a folder cannot be written.
        """
        if os.geteuid() != 0:
            raise NoEngineError("Podman needs root here")
        if absent := [name for name in PROGRAMS if shutil.which(name) is None]:
            raise NoEngineError(f"{', '.join(absent)} not installed (`make engine` brings them on Debian)")
        self.folder = cache_dir() / "containers"
        self.socket = RUN / "podman.sock"
        settings = self.folder / "containers.conf"
        try:
            for folder in (self.folder, RUN):
                folder.mkdir(parents=True, exist_ok=True)
            settings.write_text(SETTINGS)
        except OSError as error:
            raise NoEngineError(str(error)) from error
        # chroot: `runc` would give a build the limits that this machine refuses.
        self.environ = {**os.environ, "CONTAINERS_CONF": str(settings), "BUILDAH_ISOLATION": "chroot"}

    @property
    def host(self) -> str:
        """The address for DOCKER_HOST."""
        return f"unix://{self.socket}"

    def command(self, *arguments: str) -> list[str]:
        """Returns the command that runs Podman on this engine's storage."""
        storage = ["--root", str(self.folder / "storage"), "--runroot", str(RUN / "storage")]
        return ["podman", *storage, *arguments]

    def podman(self, *arguments: str) -> str:
        """Runs Podman and returns its output.

        Raises:
            AssertionError: it failed; with its output.
        """
        return run(self.command(*arguments), self.environ)

    def try_out(self, *arguments: str) -> None:
        """Runs Podman.

        Raises:
            NoEngineError: it failed; with the end of its message.
        """
        command = self.command(*arguments)
        done = subprocess.run(command, env=self.environ, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoEngineError(done.stderr.strip()[-400:])

    def inspect(self, container: str) -> dict[str, Any]:
        """Returns a container as the engine describes it to Docker's clients."""
        with self._client() as client:
            found: dict[str, Any] = (
                client.get(f"/v1.41/containers/{container}/json").raise_for_status().json()
            )
        return found

    def left(self) -> dict[str, list[str]]:
        """Returns the names of the engine's containers, networks besides its own, and volumes."""
        lists = {
            "containers": ("ps", "--all", "--format", "{{.Names}}"),
            "networks": ("network", "ls", "--format", "{{.Name}}"),
            "volumes": ("volume", "ls", "--format", "{{.Name}}"),
        }
        found = {kind: self.podman(*arguments).split() for kind, arguments in lists.items()}
        return found | {"networks": [name for name in found["networks"] if name != "podman"]}

    def clear(self) -> None:
        """Removes every container, network and volume; images stay for the next runs."""
        self.podman("rm", "--all", "--force", "--time", "0")
        self.podman("network", "prune", "--force")
        self.podman("volume", "prune", "--force")

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serves Docker's API on `socket` and runs the health checks, which systemd would do."""
        log = RUN / "service.log"
        log.unlink(missing_ok=True)
        self.socket.unlink(missing_ok=True)
        service = Program(self.command("system", "service", "--time", "0", self.host), log, self.environ)
        ended = threading.Event()
        nurse = threading.Thread(target=self._check_health, args=[ended])
        try:
            service.ready(self.socket.is_socket)
            nurse.start()
            yield
        finally:
            ended.set()
            nurse.join() if nurse.ident else None
            service.stop()

    def _check_health(self, ended: threading.Event) -> None:
        """Runs each container's check at its interval; one that hangs does not keep the others waiting."""
        with self._client() as client, ThreadPoolExecutor(max_workers=8) as pool:
            due: dict[str, float] = {}
            while not ended.wait(HEALTH_SECONDS):
                for each in client.get("/v1.41/containers/json").json():
                    if time.monotonic() >= due.get(each["Id"], 0.0):
                        due[each["Id"]] = float("inf")
                        pool.submit(self._check, client, each["Id"], due)

    def _check(self, client: httpx.Client, container: str, due: dict[str, float]) -> None:
        described = client.get(f"/v1.41/containers/{container}/json").json()
        # A container that has just been removed is answered with an error.
        check = described.get("Config", {}).get("Healthcheck") or {}
        interval = check.get("Interval", 0) / 1e9
        if interval:
            client.get(f"/v4.0.0/libpod/containers/{container}/healthcheck")
        starting = interval and _age(described["State"]["StartedAt"]) < check.get("StartPeriod", 0) / 1e9
        due[container] = time.monotonic() + (START_INTERVAL if starting else interval)

    def _client(self) -> httpx.Client:
        transport = httpx.HTTPTransport(uds=str(self.socket))
        return httpx.Client(transport=transport, base_url="http://engine", timeout=60)


def _age(started: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(started)).total_seconds()


@contextmanager
def alone() -> Iterator[Engine]:
    """Yields the engine, empty of containers, to one test run at a time.

    Raises:
        NoEngineError: this machine has no engine, or it does not work here.
    """
    engine = Engine()
    with (engine.folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        engine.try_out("info")
        engine.clear()
        engine.podman("image", "prune", "--force", f"--filter=until={UNUSED}")
        try:
            yield engine
        finally:
            engine.clear()


def run(command: Sequence[str | Path], environ: Mapping[str, str]) -> str:
    """Runs a program to its end and returns its standard output.

    Raises:
        AssertionError: it failed; with all its output.
    """
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (
        f"{' '.join(map(str, command))}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    )
    return done.stdout
