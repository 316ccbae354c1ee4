"""The stack's commands, one per make target.

Docker is used if a daemon answers, otherwise the parts run as processes of this user; STACK=docker or
STACK=native forces one. STACK_DATA_DIR is the data folder.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Final

from collector_kit.fragments import CollectorError
from stack import backup, docker, dotenv_file
from stack.alerting import AlertingError
from stack.containers import DockerError
from stack.demo.catalogue import DemoError
from stack.environment import DOTENV, Environment, load, write
from stack.native import down, logs, status, up
from stack.native.native_stack import NativeStack
from stack.native.supervisor import StackError, Supervisor
from stack.native.tools import ToolError
from stack.settings import SettingsError, data_folder

INTERRUPTED: Final = 130
REFUSALS: Final = (
    *(SettingsError, StackError, ToolError),
    *(AlertingError, backup.BackupError, CollectorError, DemoError, DockerError),
)
# The demo's failing endpoint exists in demo mode only, unless the user sets how often it fails.
DEMO_FAILURES: Final = "LMS_DEMO_FAILURE_RATIO"
DEMO_RATIO: Final = "0.3"
OFF: Final = {"off", "0", "no", "false"}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns 0 when done, 1 after an error message, 130 when interrupted."""
    options = _parser().parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # progress shows in a pipe, too
    _interrupt_once()
    try:
        return int(not options.run(options))
    except REFUSALS as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return INTERRUPTED


def _interrupt_once() -> None:
    """Turns the first SIGINT, SIGTERM or SIGHUP into KeyboardInterrupt; later ones only print."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda _number, _frame: print("Cleaning up; a moment.", file=sys.stderr))
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)


def _up(_: argparse.Namespace) -> bool:
    in_docker = docker.chosen()
    demo = os.environ.get("DEMO", "on").lower() not in OFF
    environment = _environment()
    if demo and not environment.given(DEMO_FAILURES):
        os.environ[DEMO_FAILURES] = DEMO_RATIO
        environment = load()
    if in_docker:
        docker.up(environment, demo=demo)
    else:
        up.up(environment, demo=demo)
    return True


def _environment() -> Environment:
    """Returns the settings of `.env`, which is created with fresh secrets if it does not exist."""
    if not DOTENV.exists():
        write()
        print(f"Wrote {DOTENV} with generated secrets, readable by you only.")
    elif dotenv_file.readable_by_others(DOTENV):
        print(f"Others can read {DOTENV}, which holds secrets: `chmod 600 {DOTENV}`.", file=sys.stderr)
    environment = load()
    if environment.stack.cache_dir:
        os.environ["STACK_CACHE_DIR"] = str(environment.stack.cache_dir)
    return environment


def _folder() -> Path:
    """Returns the data folder, even when the rest of `.env` is broken: stopping must always work."""
    try:
        return load().stack.folder
    except SettingsError:
        given = os.environ.get("STACK_DATA_DIR") or dotenv_file.peek(DOTENV, "STACK_DATA_DIR")
        return data_folder(Path(given or ".stack"))


def _in_docker(folder: Path) -> bool:
    """Returns whether the running stack, or else the next one, is Docker's."""
    return not Supervisor(folder).members() and docker.chosen()


def _down(_: argparse.Namespace) -> bool:
    folder = _folder()
    if _in_docker(folder):
        docker.down(folder)
    else:
        down.down(folder)
    return True


def _status(_: argparse.Namespace) -> bool:
    folder = _folder()
    return docker.status() if _in_docker(folder) else status.status(folder)


def _logs(options: argparse.Namespace) -> bool:
    folder = _folder()
    follow = not options.no_follow
    try:
        if _in_docker(folder):
            docker.logs(options.part, follow=follow)
        else:
            logs.logs(folder, options.part, follow=follow)
    except KeyboardInterrupt:
        print()  # Ctrl-C is how to leave the logs
    return True


def _demo(_: argparse.Namespace) -> bool:
    folder = _folder()
    if _in_docker(folder):
        docker.demo(load())
        return True
    if not Supervisor(folder).running():
        raise StackError(status.STOPPED)
    up.study(NativeStack(load()))
    return True


def _backup_done(_: argparse.Namespace) -> bool:
    if _in_docker(_folder()):
        docker.backup_done()
    else:
        stack = load().stack
        collector = f"http://127.0.0.1:{stack.port_collector}"
        backup.record(collector, stack.otlp_token.get_secret_value())
    print("Recorded: a backup of the database has succeeded now.")
    return True


def _report(options: argparse.Namespace) -> bool:
    folder, environment = _folder(), load()
    wanted = ["--cadence", options.cadence, *(["--send"] if options.send else [])]
    if _in_docker(folder):
        return docker.report(wanted)
    if not Supervisor(folder).running():
        raise StackError(status.STOPPED)
    return up.report(NativeStack(environment), wanted)


def _clean(options: argparse.Namespace) -> bool:
    force = options.force or os.environ.get("FORCE", "").lower() not in {"", *OFF}
    folder = _folder()
    volumes = partial(docker.remove, folder) if _in_docker(folder) else None
    down.clean(folder, volumes, force=force)
    return True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stack", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], bool], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    add("up", _up, "start everything, load the demo (DEMO=off does not), print what to open")
    add("down", _down, "stop everything; data stays")
    add("status", _status, "show each part's health; fails if one is unhealthy")
    report = add("report", _report, "print the report of the last week, or month, from the running stack")
    cadence = os.environ.get("CADENCE") or "weekly"  # make exports it empty
    report.add_argument("--cadence", choices=["weekly", "monthly"], default=cadence)
    send = os.environ.get("SEND", "").lower() not in {"", *OFF}
    report.add_argument("--send", action="store_true", default=send, help="send it to LMS_REPORT_TO")
    log = add("logs", _logs, "show what the parts write, until interrupted")
    log.add_argument("part", nargs="?", help="one part only, for example app")
    log.add_argument("--no-follow", action="store_true", help="show the end of the logs and stop")
    add("demo", _demo, "load the demo catalogue and let simulated learners study for a minute")
    add("backup-done", _backup_done, "record that a backup of the database has succeeded (BackupTooOld)")
    cleaning = add("clean", _clean, "stop everything and remove its data, after asking")
    cleaning.add_argument("--force", action="store_true", help="do not ask (FORCE=1 does the same)")
    return parser
