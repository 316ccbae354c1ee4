"""The native stack as one object: what `make up` starts and what tests start in a scratch folder."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from stack.environment import Environment, check
from stack.native.assemble import assemble, prepare_folder
from stack.native.bugsink import template
from stack.native.lock import exclusive
from stack.native.plan import Part, Plan
from stack.native.ports import free_ports, taken
from stack.native.probes import Health, cache, http, mongodb
from stack.native.supervisor import StackError, State, Supervisor
from stack.native.tools import ensure, tool_path
from stack.settings import StackSettings
from stack.variables import generate, required

PROGRAMS: Final = (
    "process-compose",
    "ferretdb",
    "redis-server",
    "prometheus",
    "victoria-logs",
    "jaeger",
    "alertmanager",
    "otelcol-lms",
    "bugsink-python",
    "bugsink-gunicorn",
)
POSTGRES: Final = "postgres"
READY_SECONDS: Final = 120.0
POLL_SECONDS: Final = 0.2
CRASHES: Final = 3
LEAST_FREE_BYTES: Final = 600 * 1024 * 1024  # VictoriaLogs takes no logs below 500 MB
FULL_BYTES: Final = 16 * 1024 * 1024


@dataclass
class Progress:
    """A start's progress: the second at which each part was ready, and the states from the supervisor.

    ``restarts`` has each part's restarts from before.
    """

    parts: list[Part]
    ready: dict[str, float] = field(default_factory=dict)
    states: Mapping[str, State] = field(default_factory=dict)
    seconds: float = 0.0
    restarts: Mapping[str, int] = field(default_factory=dict)

    @property
    def waiting(self) -> list[Part]:
        """The parts that are not ready yet."""
        return [part for part in self.parts if part.name not in self.ready]


Watcher = Callable[[Progress], None]


class NativeStack:
    """The stack of one environment, in its data folder; any instance may stop what another one started."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.folder = environment.stack.folder
        self.supervisor = Supervisor(self.folder)
        self.plan = Plan(environment, {name: tool_path(name) for name in PROGRAMS})

    @classmethod
    def scratch(cls, folder: Path, overrides: Mapping[str, str] | None = None) -> NativeStack:
        """Returns a stack in ``folder`` with free ports and fresh secrets; ignores the shell's settings."""
        names = [*(name for name in StackSettings.model_fields if name.startswith("port_")), "lms"]
        keys = ["LMS_PORT" if name == "lms" else f"STACK_{name.upper()}" for name in names]
        ports = dict(zip(keys, map(str, free_ports(len(keys))), strict=True))
        secrets = {each.key: generate(each.key) for each in required()}
        return cls(check({**secrets, **ports, "STACK_DATA_DIR": str(folder), **(overrides or {})}))

    def url(self, part: str) -> str:
        """Returns a part's address, such as http://127.0.0.1:9090 for `prometheus`; the first of several.

        Raises:
            StackError: no such part, or one without a port.
        """
        ports = {each.name: each.ports for each in self.parts()}.get(part)
        if not ports:
            raise StackError(f"There is no part {part!r} with a port")
        return f"http://127.0.0.1:{ports[0].port}"

    def parts(self) -> list[Part]:
        """Returns what runs, in the order of start."""
        return self.plan.parts()

    def log(self, part: str) -> Path:
        """Returns the file with a part's output."""
        return self.plan.log(part)

    def running(self) -> bool:
        """Returns whether this folder's stack was started and not stopped."""
        return self.supervisor.running()

    def start(self, watch: Watcher = lambda _: None) -> Progress:
        """Starts every part and waits until all are ready; a failure or an interrupt leaves no process.

        Raises:
            StackError: it is already running, another command holds it, a port is taken, a server of the
                user's does not answer, or a part does not become ready; the message names it.
            SettingsError: the data folder cannot be used.
        """
        prepare_folder(self.folder)
        with exclusive(self.folder):
            self._preflight()
            config = assemble(self.plan)
            try:
                self.supervisor.start(self.plan.program("process-compose"), config, os.environ)
                return self._wait_ready(watch)
            except BaseException:
                self.supervisor.stop(lambda _: None)
                raise

    def stop(self, notice: Callable[[str], None] = lambda _: None) -> int:
        """Stops every part in order, leftovers too; returns how many processes there were."""
        prepare_folder(self.folder)
        with exclusive(self.folder):
            return self.supervisor.stop(notice)

    def wait_ready(self, watch: Watcher = lambda _: None) -> Progress:
        """Waits until every part is healthy, for example after one was restarted.

        Raises:
            StackError: a part does not become ready.
        """
        restarts = {name: state.restarts for name, state in self.supervisor.states().items()}
        return self._wait_ready(watch, restarts)

    def _preflight(self) -> None:
        if self.running():
            raise StackError("The stack is already running: `make status` shows it, `make down` stops it")
        self.supervisor.stop(lambda _: None)
        if sentences := taken(port for part in self.parts() for port in part.ports):
            raise StackError("\n".join(sentences))
        self._disk(LEAST_FREE_BYTES)
        self._own_server("MONGODB_URL", mongodb, self.plan.mongodb_url)
        self._own_server("REDIS_URL", cache, self.plan.redis_url)
        self._own_server("LOKI_URL", http, f"{self.environment.stack.loki_url}/loki/api/v1/labels")

    def _disk(self, least: int) -> None:
        free = shutil.disk_usage(self.folder).free
        if free < least:
            raise StackError(
                f"The disk of the data folder {self.folder} is nearly full: {free // 2**20} MB are free, "
                f"{least // 2**20} are needed. Free some, or set STACK_DATA_DIR to a folder on another disk"
            )

    def _own_server(self, variable: str, probe: Callable[[str], Health], url: str) -> None:
        if not self.environment.given(variable):
            return
        health = probe(url)
        if not health.well:
            raise StackError(
                f"{variable} is set, but that server does not serve ({health.detail}): start it, correct the "
                f"address, or remove the line so that the stack starts its own"
            )

    def _wait_ready(self, watch: Watcher, restarts: Mapping[str, int] | None = None) -> Progress:
        """Waits until every part is healthy; ``restarts`` are earlier ones, which do not count."""
        progress = Progress(self.parts(), restarts=restarts or {})
        started = time.monotonic()
        reasons: dict[str, str] = {}
        while progress.waiting:
            progress.states = self.supervisor.states()
            progress.seconds = time.monotonic() - started
            for part in progress.waiting:
                self._look(part, progress, reasons)
            watch(progress)
            if progress.waiting:
                self._give_up(progress, reasons)
                time.sleep(POLL_SECONDS)
        return progress

    def _look(self, part: Part, progress: Progress, reasons: dict[str, str]) -> None:
        """Records the part if it is ready now."""
        state = progress.states.get(part.name)
        if state is None or state.status == "Pending":
            reasons[part.name] = "it waits for the others"
            return
        self._refuse_broken(part, state, state.restarts - progress.restarts.get(part.name, 0))
        if part.once:
            health = Health(well=state.status == "Completed", detail="it is not done")
        else:
            asked = state.status == "Running" and (state.ready or not part.speaks)
            health = part.health() if asked else Health(well=False, detail=f"it is {state.status.lower()}")
        if health.well:
            progress.ready[part.name] = progress.seconds
        reasons[part.name] = health.detail

    def _refuse_broken(self, part: Part, state: State, restarts: int) -> None:
        ended = state.status in {"Completed", "Error", "Skipped"} and (not part.once or state.exit_code != 0)
        if ended or restarts >= CRASHES:
            times = f"ended {restarts} times" if restarts else "ended"
            raise self._failure(part, f"{times} before it was ready (exit code {state.exit_code})")

    def _give_up(self, progress: Progress, reasons: Mapping[str, str]) -> None:
        if not self.supervisor.running():
            raise StackError(f"The supervisor ended while the parts started (log: {self.supervisor.log})")
        if progress.seconds > READY_SECONDS:
            part = progress.waiting[0]
            raise self._failure(part, f"is not ready after {READY_SECONDS:.0f} s: {reasons.get(part.name)}")

    def _failure(self, part: Part, what: str) -> StackError:
        """Describes a failed start: the part, its last lines, its log, and the disk if that is the reason."""
        lines = [line for line in self.supervisor.last_lines(part.name) if line.strip()]
        free = shutil.disk_usage(self.folder).free
        full = free < FULL_BYTES or any("no space left" in line.lower() for line in lines)
        reason = (
            f"\nThe disk of {self.folder} is full ({free // 2**20} MB free): free some space." if full else ""
        )
        output = "".join(f"\n  | {line[:600]}" for line in lines) or "\n  | (nothing)"
        end = f"\nIts last lines:{output}\nIts log: {self.log(part.name)}"
        return StackError(f"{part.name} ({part.title}) {what}.{reason}{end}")


def ensure_programs() -> None:
    """Builds or fetches the programs that are missing, showing progress.

    Raises:
        stack.native.toolchain.errors.ToolError: one of them cannot be built or fetched.
    """
    ensure([*PROGRAMS, POSTGRES])
    template.ensure(tool_path("bugsink-python"))
