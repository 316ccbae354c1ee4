"""make's commands with Docker; stack.compose writes what the containers mount and runs Compose."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from stack import compose
from stack.containers import DockerError, listed, published, running, services, unhealthy
from stack.demo import catalogue
from stack.environment import Environment, load
from stack.native.assemble import prepare_folder
from stack.native.ports import taken
from stack.native.session import Session, kill, wait_gone
from stack.native.status import STOPPED
from stack.settings import REPOSITORY, SettingsError

DAEMON_SECONDS: Final = 10
# In the data folder: the learners' process session. They run outside of Compose.
LEARNERS: Final = "run/learners.json"
LEARNERS_SECONDS: Final = 15.0  # their requests take 10 at most


def chosen(environ: Mapping[str, str] = os.environ) -> bool:
    """Returns whether to use Docker: STACK=docker or native decides, otherwise whether a daemon answers.

    Raises:
        SettingsError: STACK is something else, or asks for Docker and no daemon answers.
    """
    wish = environ.get("STACK", "")
    if wish not in {"", "docker", "native"}:
        raise SettingsError(f"STACK is {wish!r}: use docker or native, or leave it out")
    if wish == "docker" and not answers():
        raise SettingsError("STACK=docker, but no Docker daemon answers: start Docker, or use STACK=native")
    return wish == "docker" or (wish == "" and answers())


def answers() -> bool:
    """Returns whether a Docker daemon answers."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        result = subprocess.run([docker, "info"], capture_output=True, timeout=DAEMON_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    return result.returncode == 0


def up(environment: Environment, *, demo: bool) -> None:
    """Starts every service, waits until all are healthy, loads the demo, prints where to look.

    An interrupt or a failure leaves nothing running, unless the stack was already running.

    Raises:
        DockerError: a port is taken, or Compose failed.
        DemoError: the demo failed.
    """
    stack = compose.DockerStack(environment)
    ran = running()
    if not ran and (sentences := taken(published(stack))):
        raise DockerError("\n".join(sentences))
    try:
        _start(stack)
        if demo:
            study(environment)
        _show(stack)
    except BaseException:
        if not ran:
            _stop_again(environment.stack.folder)
        raise


def _start(stack: compose.DockerStack) -> None:
    try:
        _compose("up", "--build", "--detach", "--wait", "--remove-orphans")
    except DockerError:
        _print_last_logs(stack)
        raise


def _print_last_logs(stack: compose.DockerStack) -> None:
    """Prints the last log lines of unhealthy containers, whose logs are removed with them."""
    found = listed()
    there = {each.service for each in found}
    if silent := [name for name in unhealthy(services(stack), found) if name in there]:
        compose.main(["logs", "--no-color", "--tail=15", *silent])


def _stop_again(folder: Path) -> None:
    print("Stopping what was started.")
    _stop_learners(folder)
    if compose.main(["down", "--remove-orphans"], shielded=True):
        print("Some containers are still running: `make down` stops them.", file=sys.stderr)


def _show(stack: compose.DockerStack) -> None:
    table = Table("What", "Where", "Log in as", box=None, pad_edge=False)
    for row in stack.addresses():
        table.add_row(*row)
    Console(soft_wrap=True).print(table)
    print("The LMS_* and STACK_* passwords are in .env. `make status` shows each part's health.")


def demo(environment: Environment) -> None:
    """Loads the demo catalogue and lets learners study, as `study`.

    Raises:
        DockerError: the stack does not run.
        DemoError: the catalogue cannot be loaded.
    """
    if not running():
        raise DockerError(STOPPED)
    study(environment)


def study(environment: Environment) -> None:
    """Loads the catalogue, then lets learners study for a minute in the background, unless some already do.

    Raises:
        DemoError: the catalogue cannot be loaded.
    """
    folder = environment.stack.folder
    log = folder / "learners.log"
    if studying(folder):
        print(f"Simulated learners are already at work (log: {log}).")
        return
    print("Loading the demo catalogue.")
    prepare_folder(folder)
    environ = {**os.environ, **compose.DockerStack(environment).demo_environment()}
    command = [sys.executable, "-m", "stack.demo"]
    print(catalogue.load_own(environment))
    with log.open("wb") as output:
        learners = subprocess.Popen(
            [*command, "learners", "--seconds", "60"],
            cwd=REPOSITORY,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    Session.of(learners.pid).save(folder / LEARNERS)
    print(f"Simulated learners study for a minute (log: {log}).")


def studying(folder: Path) -> bool:
    """Returns whether simulated learners are at work."""
    session = Session.load(folder / LEARNERS)
    return session is not None and session.alive()


def _stop_learners(folder: Path) -> None:
    """Stops the learners: first gracefully, so that pending requests complete, then by SIGKILL."""
    session = Session.load(folder / LEARNERS)
    # An old session's id may belong to another program by now.
    if session is not None and session.alive():
        kill(session.members(), signal.SIGTERM)
        kill(wait_gone(session.members, LEARNERS_SECONDS), signal.SIGKILL)
    (folder / LEARNERS).unlink(missing_ok=True)


def down(folder: Path) -> None:
    """Stops the learners and every service; volumes stay.

    Raises:
        DockerError: Compose failed.
    """
    _stop_learners(folder)
    _compose("down", "--remove-orphans")


def status() -> bool:
    """Lists the services with their health and names the unhealthy ones; returns whether all are healthy.

    Raises:
        DockerError: Docker does not answer.
    """
    found = listed()
    if not found:
        print(STOPPED)
        return False
    _compose("ps", "--all")
    reasons = unhealthy(services(compose.DockerStack(load())), found)
    for name, reason in reasons.items():
        print(f"{name} is unhealthy: {reason}")
    return not reasons


def logs(part: str | None, *, follow: bool = True) -> None:
    """Prints the end of the services' logs, or of one's, and follows them until interrupted.

    Raises:
        DockerError: Compose failed.
    """
    _compose("logs", *(["--follow"] if follow else []), "--tail=20", *([part] if part else []))


def backup_done() -> None:
    """Records that a backup has succeeded, from the canary's container: only containers reach the Collector.

    Raises:
        DockerError: it could not be recorded; what failed was printed.
    """
    _compose("exec", "-T", "canary", "python", "-m", "stack.backup")


def report(wanted: Sequence[str]) -> bool:
    """Prints the platform's report, made in its container; returns whether that worked.

    Raises:
        DockerError: the stack does not run, or the report failed; with its output.
    """
    if not running():
        raise DockerError(STOPPED)
    script = 'set -a && . /run/secrets/app_env && set +a && exec python -m app.monitoring.report "$@"'
    _compose("exec", "-T", "app", "sh", "-c", script, "report", *wanted)
    return True


def remove(folder: Path) -> None:
    """Stops the learners and every service, and removes the volumes.

    Raises:
        DockerError: Compose failed.
    """
    _stop_learners(folder)
    _compose("down", "--volumes", "--remove-orphans")


def _compose(*arguments: str) -> None:
    if compose.main(arguments):
        raise DockerError(f"`docker compose {arguments[0]}` failed: see its message above")
