"""`make up` without Docker: from an empty folder to a table of what to open."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Self

from rich.console import Console
from rich.live import Live

from stack.demo import catalogue
from stack.environment import DOTENV, Environment
from stack.native.native_stack import NativeStack, Progress, ensure_programs

CONSOLE = Console(highlight=False, soft_wrap=True)
LEARNERS = "learners"


def up(environment: Environment, *, demo: bool) -> None:
    """Starts the stack, loads the demo and prints what runs where; says so if it is already running.

    An interrupt or a failure at any point leaves nothing running.

    Raises:
        StackError, SettingsError, ToolError, DemoError: one sentence for the user; nothing is left running.
    """
    ensure_programs()
    stack = NativeStack(environment)
    if stack.running():
        CONSOLE.print("The stack is already running.")
        show(stack)
        return
    with Display() as display:
        progress = stack.start(display.watch)
    try:
        CONSOLE.print(f"Ready after {progress.seconds:.1f} s.")
        if demo:
            study(stack)
        show(stack)
    except BaseException:
        CONSOLE.print("Stopping what was started.")
        stack.stop()
        raise


class Display:
    """Shows which parts are ready: one live line on a terminal, else one line per part."""

    def __init__(self) -> None:
        self._live = (
            Live(console=CONSOLE, refresh_per_second=5, transient=True) if CONSOLE.is_terminal else None
        )
        self._told: set[str] = set()

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def watch(self, progress: Progress) -> None:
        """Shows the progress of a start."""
        if self._live:
            self._live.update(_line(progress))
            return
        for name in progress.ready.keys() - self._told:
            CONSOLE.print(f"  ready: {name} ({progress.ready[name]:.1f} s)")
        self._told |= progress.ready.keys()


def _line(progress: Progress) -> str:
    words = [
        f"[green]{part.name}[/]" if part.name in progress.ready else part.name for part in progress.parts
    ]
    return f"Starting ({progress.seconds:.0f} s): {' '.join(words)}"


def study(stack: NativeStack) -> None:
    """Loads the catalogue and simulates learners in the background for a minute, unless some are at work.

    Raises:
        DemoError: the catalogue cannot be loaded.
    """
    if studying(stack):
        CONSOLE.print(f"Simulated learners are already at work (log: {stack.log(LEARNERS)}).")
        return
    CONSOLE.print("Loading the demo catalogue.")
    CONSOLE.print(catalogue.load_own(stack.environment))
    stack.supervisor.start_part(LEARNERS)
    CONSOLE.print(f"Simulated learners study for a minute (log: {stack.log(LEARNERS)}).")


def report(stack: NativeStack, wanted: Sequence[str]) -> bool:
    """Prints the platform's report and writes it to the data folder; returns whether that worked."""
    folder = stack.folder / "reports"
    command = [sys.executable, "-m", "app.monitoring.report", "--folder", str(folder), *wanted]
    environment = {**os.environ, **stack.plan.app_environment()}
    return subprocess.run(command, env=environment, cwd=stack.folder, check=False).returncode == 0


def studying(stack: NativeStack) -> bool:
    """Returns whether simulated learners are at work."""
    learners = stack.supervisor.states().get(LEARNERS)
    return learners is not None and learners.status == "Running"


def show(stack: NativeStack) -> None:
    """Prints what runs, where to look and how to log in."""
    parts = [(each.title, each.open, each.login or "") for each in stack.parts() if each.open]
    lines = [("What", "Where", "Log in as, password"), *parts]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    CONSOLE.print()
    for line in lines:
        # Not a table: in a narrow terminal that would cut the addresses.
        words = (word.ljust(width) for word, width in zip(line, widths, strict=True))
        CONSOLE.print("  ".join(words).rstrip(), markup=False, soft_wrap=True)
    CONSOLE.print(f"\nThe passwords are in {DOTENV}.")
    CONSOLE.print("`make status` shows the parts' health, `make down` stops them.")
