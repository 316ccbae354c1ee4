"""`make status` without Docker: the health of every part, probed directly, on one screen."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
from rich.console import Console

from stack.environment import load
from stack.native.native_stack import NativeStack
from stack.native.plan import Part
from stack.native.probes import Health
from stack.native.supervisor import State, Supervisor
from stack.native.up import studying

CONSOLE = Console(highlight=False, soft_wrap=True)
STOPPED = "The stack does not run: `make up` starts it."
STYLES = {"unhealthy": "red", "Health": "bold"}


def status(folder: Path) -> bool:
    """Prints a line per part of the folder's stack; returns whether all of them are healthy."""
    supervisor = Supervisor(folder)
    if problem := _unsupervised(supervisor):
        CONSOLE.print(problem)
        return False
    stack = NativeStack(load())
    parts = stack.parts()
    states = supervisor.states()
    with ThreadPoolExecutor(max_workers=len(parts)) as pool:
        found = list(pool.map(Part.health, parts))
    well = [_well(part, states.get(part.name), health) for part, health in zip(parts, found, strict=True)]
    lines = zip(parts, found, well, strict=True)
    _print([_line(part, states.get(part.name), health, well=good) for part, health, good in lines])
    _totals(stack)
    return all(well)


def _unsupervised(supervisor: Supervisor) -> str:
    """Returns what is wrong with the supervisor and the fix; nothing if it is at work."""
    if supervisor.answers():
        return ""
    left = len(supervisor.members())
    if not left:
        return STOPPED
    if supervisor.running():
        return (
            f"The supervisor of {left} processes does not answer, so nothing starts a part again that ends: "
            "`make down` ends everything, after 90 s by force; then `make up`."
        )
    return (
        f"The supervisor is gone, so nothing starts a part again that ends; {left} processes of the stack "
        "run on. `make up` stops them and starts everything again, `make down` only stops them."
    )


def _well(part: Part, state: State | None, health: Health) -> bool:
    if part.once:
        return state is not None and state.status == "Completed" and state.exit_code == 0
    return state is not None and state.status == "Running" and health.well


def _line(part: Part, state: State | None, health: Health, *, well: bool) -> tuple[str, ...]:
    word = "unhealthy" if not well else "done" if part.once else "healthy"
    process = f"{state.status} {state.pid}" if state else "gone"
    running = state is not None and state.status == "Running"
    restarts = str(state.restarts) if state and state.restarts else ""
    ports = " ".join(str(port.port) for port in part.ports)
    memory = str(_memory(state.pid)) if state and running else ""
    return part.name, word, process, restarts, memory, ports, part.title + _why(health)


def _why(health: Health) -> str:
    return f": {health.detail}" if health.detail else ""


def _print(lines: list[tuple[str, ...]]) -> None:
    """Prints columns as wide as their longest entry; a narrow terminal wraps the last, nothing is cut."""
    heads = ("Part", "Health", "Process", "Restarts", "MiB", "Ports", "What it is")
    widths = [max(map(len, column)) for column in zip(heads, *lines, strict=True)]
    for line in [heads, *lines]:
        text = "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip()
        CONSOLE.print(text, style=STYLES.get(line[1]))


def _totals(stack: NativeStack) -> None:
    members = stack.supervisor.members()
    total = sum(proportional(process) for process in members)
    code = sum(mapped(process) for process in members)
    learners = "; simulated learners are at work" if studying(stack) else ""
    CONSOLE.print(
        f"\n{len(members)} processes, {total >> 20} MiB, {code >> 20} of them "
        f"program code that the kernel can reclaim{learners}. Data and logs: {stack.folder}"
    )


def _memory(pid: int) -> int:
    """Returns the MiB used by a part and its children, counting shared memory once."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    return sum(proportional(each) for each in family) >> 20


def proportional(process: psutil.Process) -> int:
    """Returns the bytes of a process, each shared page divided among its users (PSS)."""
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


def mapped(process: psutil.Process) -> int:
    """Returns how many of these bytes are file pages, mostly program code; 0 if that is unreadable."""
    try:
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(r"^Pss_File: +(\d+) kB$", rollup, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
