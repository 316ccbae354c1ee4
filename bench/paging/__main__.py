"""Measures how long a fault takes to page somebody: ``python -m bench.paging [--only NAME] [--rounds N]``.

It runs the native stack as `make up` starts it: rules, intervals and waits are those of production.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from bench.arguments import positive
from bench.machine import described
from bench.paging.faults import FAULTS, Fault, serves
from bench.paging.pager import Pager, listening
from bench.process import BenchError
from stack.native.logins import USER
from stack.native.native_stack import NativeStack, ensure_programs
from stack.native.ports import free_ports
from stack.native.supervisor import StackError

AIM_SECONDS: Final = 60.0
PATIENCE_SECONDS: Final = 300.0
QUIET_SECONDS: Final = 120.0
_POLL_SECONDS: Final = 0.1
_PAGES: Final = {"page", "critical"}
_STUDY: Final = ("--seconds", "3600", "--rate", "1")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One round: which alert paged and after how many seconds; None if nobody was paged."""

    alert: str | None
    seconds: float | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints a row for each fault; returns 1 if one misses the aim, 2 if a measurement cannot be made."""
    options = _parser().parse_args(arguments)
    ensure_programs()
    print(f"{described()}; {options.rounds} rounds, {options.settle} s of learners before each fault")
    print(f"{'fault':28}{'paged by':24}{'median':>10}{'range':>18}", flush=True)
    chosen = [each for each in FAULTS if not options.only or each.name in options.only]
    try:
        met = [_row(fault, options.rounds, options.settle) for fault in chosen]
    except (BenchError, StackError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"aim: a page within {AIM_SECONDS:g} s, none for a restart: {'met' if all(met) else 'missed'}")
    return 0 if all(met) else 1


def _row(fault: Fault, rounds: int, settle: int) -> bool:
    """Prints one fault's row; returns whether it meets the aim."""
    outcomes = [_round(fault, settle) for _ in range(rounds)]
    alerts = ", ".join(sorted({each.alert or "nobody" for each in outcomes}))
    seconds = [each.seconds for each in outcomes if each.seconds is not None]
    if not seconds:
        print(f"{fault.what:28}{alerts:24}{'-':>10}{'-':>18}", flush=True)
        return not fault.pages
    spread = f"{min(seconds):.1f} to {max(seconds):.1f} s"
    print(f"{fault.what:28}{alerts:24}{statistics.median(seconds):>8.1f} s{spread:>18}", flush=True)
    return fault.pages and len(seconds) == rounds and max(seconds) <= AIM_SECONDS


def _round(fault: Fault, settle: int) -> Outcome:
    """Measures one fault on a new stack, so that no alert of an earlier one is still being grouped."""
    with _stack() as (stack, pager), _learners(stack):
        _hold(settle)
        already = _pages(stack)  # a machine that is too busy pages for being slow
        began = _begin(stack, fault)
        patience = PATIENCE_SECONDS if fault.pages else QUIET_SECONDS
        _until(lambda: pager.first(_pages(stack) - already) is not None, patience)
        found = pager.first(_pages(stack) - already)
    return Outcome(found[0], found[1] - began) if found else Outcome(None, None)


def _begin(stack: NativeStack, fault: Fault) -> float:
    """Begins a fault; returns when a learner first saw it, on the clock of `time.monotonic`."""
    if not serves(stack):
        raise BenchError("the platform does not serve before the fault")
    fault.begin(stack)
    if not fault.pages:
        return time.monotonic()
    began = time.monotonic()
    while serves(stack):
        began = time.monotonic()
    return began


@contextmanager
def _stack() -> Iterator[tuple[NativeStack, Pager]]:
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as folder, listening(port) as pager:
        stack = NativeStack.scratch(Path(folder) / "stack", {"STACK_SLACK_WEBHOOK_URL": pager.url})
        stack.start()
        try:
            yield stack, pager
        finally:
            stack.stop()


@contextmanager
def _learners(stack: NativeStack) -> Iterator[None]:
    """Lets simulated learners study, one request a second, within the block."""
    command = [sys.executable, "-m", "stack.demo"]
    environment = {**stack.plan.demo_environment(), "PATH": "/usr/bin:/bin"}
    subprocess.run([*command, "catalogue"], env=environment, check=True, stdout=subprocess.DEVNULL)
    studying = subprocess.Popen(
        [*command, "learners", *_STUDY], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        studying.kill()
        studying.wait()


def _pages(stack: NativeStack) -> set[str]:
    """Returns the names of the alerts in Alertmanager that page."""
    password = stack.environment.stack.stores_password.get_secret_value()
    answer = httpx.get(f"{stack.url('alertmanager')}/api/v2/alerts", auth=(USER, password), timeout=10)
    found = answer.raise_for_status().json()
    return {each["labels"]["alertname"] for each in found if each["labels"].get("severity") in _PAGES}


def _until(condition: Callable[[], bool], seconds: float) -> None:
    """Returns when the condition is true, or after this many seconds."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _hold(seconds: float) -> None:
    _until(lambda: False, seconds)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.paging", description="Measures how long a fault takes to page somebody."
    )
    parser.add_argument("--rounds", type=positive, default=3, help="stacks that are broken for each fault")
    parser.add_argument("--settle", type=positive, default=60, help="seconds of study before a fault")
    parser.add_argument(
        "--only",
        action="append",
        choices=[each.name for each in FAULTS],
        help="one fault; may be given several times (default: all)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
