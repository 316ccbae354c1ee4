"""make's commands with Docker; stack.compose writes what the containers mount and runs Compose."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from typing import Final

from rich.console import Console
from rich.table import Table

from stack import compose
from stack.environment import Environment
from stack.settings import REPOSITORY, SettingsError

DAEMON_SECONDS: Final = 10


class DockerError(Exception):
    """Compose failed; what it said is on the terminal."""


def chosen(environ: Mapping[str, str] = os.environ) -> bool:
    """Tells whether the stack runs in Docker: STACK=docker or native decides, else whether a daemon answers.

    Raises:
        SettingsError: STACK is something else, or asks for a Docker that is not there.
    """
    wish = environ.get("STACK", "")
    if wish not in {"", "docker", "native"}:
        raise SettingsError(f"STACK is {wish!r}: use docker or native, or leave it out")
    if wish == "docker" and not answers():
        raise SettingsError("STACK=docker, but no Docker daemon answers: start Docker, or use STACK=native")
    return wish == "docker" or (wish == "" and answers())


def answers() -> bool:
    """Tells whether a Docker daemon answers."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        result = subprocess.run([docker, "info"], capture_output=True, timeout=DAEMON_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    return result.returncode == 0


def up(environment: Environment, *, demo: bool) -> None:
    """Starts every service, waits until all are healthy, loads the demo, prints where to look."""
    _compose("up", "--build", "--detach", "--wait", "--remove-orphans")
    if demo:
        study(environment)
    table = Table("What", "Where", "Log in as", box=None, pad_edge=False)
    for row in compose.DockerStack(environment).addresses():
        table.add_row(*row)
    Console(soft_wrap=True).print(table)
    print("The LMS_* and STACK_* passwords are in .env. `make status` shows each part's health.")


def study(environment: Environment) -> None:
    """Loads the demo catalogue and lets learners study for a minute in the background."""
    address = {"LMS_URL": f"http://127.0.0.1:{environment.app.port}"}
    environ = {**os.environ, **environment.with_prefixes("LMS_"), **address}
    demo = [sys.executable, "-m", "stack.demo"]
    subprocess.run([*demo, "catalogue"], check=True, cwd=REPOSITORY, env=environ)
    with (environment.stack.folder / "learners.log").open("wb") as log:
        learners = [*demo, "learners", "--seconds", "60"]
        subprocess.Popen(
            learners, cwd=REPOSITORY, env=environ, stdout=log, stderr=log, start_new_session=True
        )


def down() -> None:
    """Stops every service; volumes stay."""
    _compose("down", "--remove-orphans")


def status() -> None:
    """Lists the services with their health."""
    _compose("ps", "--all")


def logs(part: str | None) -> None:
    """Follows the services' logs, or one's."""
    _compose("logs", "--follow", "--tail=20", *([part] if part else []))


def remove() -> None:
    """Stops every service and removes its volumes."""
    _compose("down", "--volumes", "--remove-orphans")


def _compose(*arguments: str) -> None:
    if compose.main(arguments):
        raise DockerError(f"`docker compose {arguments[0]}` failed: see its message above")
