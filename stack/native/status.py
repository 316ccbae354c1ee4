"""`make status` without Docker: each part's health on one screen, asked of the part itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psutil
from rich.console import Console
from rich.table import Table

from stack.environment import Environment
from stack.native.native_stack import NativeStack
from stack.native.plan import Part
from stack.native.probes import Health
from stack.native.supervisor import State
from stack.native.up import LEARNERS

CONSOLE = Console(highlight=False, soft_wrap=True)
TROUBLED = 3


def status(environment: Environment) -> bool:
    """Prints a line per part; tells whether all of them are well."""
    stack = NativeStack(environment)
    if not stack.running():
        left = stack.supervisor.members()
        CONSOLE.print(
            f"The supervisor is gone, {len(left)} processes are left: `make down` ends them."
            if left
            else "The stack does not run: `make up` starts it."
        )
        return False
    parts = stack.parts()
    states = stack.supervisor.states()
    with ThreadPoolExecutor(max_workers=len(parts)) as pool:
        found = list(pool.map(Part.health, parts))
    well = [_well(part, states.get(part.name), health) for part, health in zip(parts, found, strict=True)]
    CONSOLE.print(_table(parts, states, found, well))
    _totals(stack)
    return all(well)


def _well(part: Part, state: State | None, health: Health) -> bool:
    if part.once:
        return state is not None and state.status == "Completed" and state.exit_code == 0
    return state is not None and state.status == "Running" and health.well


def _table(parts: list[Part], states: dict[str, State], found: list[Health], well: list[bool]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("Part", "Health", "Process", "Port", "Restarts", "MiB", "What it is"):
        table.add_column(heading, no_wrap=heading != "Health")
    for part, health, good in zip(parts, found, well, strict=True):
        state = states.get(part.name)
        word = "[green]well[/]" if good else f"[red]ill[/] {health.detail}"
        process = f"{state.status} {state.pid}" if state else "gone"
        ports = ",".join(str(port.port) for port in part.ports)
        restarts = str(state.restarts if state else "")
        memory = str(_memory(state.pid)) if state and state.status == "Running" else ""
        table.add_row(
            part.name, "done" if part.once and good else word, process, ports, restarts, memory, part.title
        )
    return table


def _totals(stack: NativeStack) -> None:
    members = stack.supervisor.members()
    total = sum(proportional(process) for process in members)
    learners = stack.supervisor.states().get(LEARNERS)
    studying = "; simulated learners are at work" if learners and learners.status == "Running" else ""
    CONSOLE.print(f"\n{len(members)} processes, {total >> 20} MiB{studying}. Data and logs: {stack.folder}")


def _memory(pid: int) -> int:
    """Returns the MiB of a part with its children; memory that they share is counted once."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    return sum(proportional(each) for each in family) >> 20


def proportional(process: psutil.Process) -> int:
    """Returns the bytes of a process, each shared page divided by its users (PSS)."""
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0
