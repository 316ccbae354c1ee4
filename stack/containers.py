"""The services that docker-compose.yml defines, and the containers that Docker Compose reports."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from stack import compose, compose_program
from stack.native.ports import Wanted
from stack.settings import REPOSITORY

PUBLISHED: Final = re.compile(r"127\.0\.0\.1:\$\{(\w+):-(\d+)\}:\d+")
# The states of a container that was started and not stopped.
UP: Final = frozenset({"running", "restarting", "paused"})
WELL: Final = frozenset({"", "healthy"})


class DockerError(Exception):
    """Docker or a container failed; the message, or Compose's own output above it, says why."""


@dataclass(frozen=True)
class Container:
    """A container as Docker describes it; ``health`` is empty if its service has no health check."""

    name: str
    service: str
    state: str
    health: str
    exit_code: int

    @property
    def aside(self) -> bool:
        """Returns whether `docker compose run` made it: it is not part of the stack, however it exited."""
        return f"-{self.service}-run-" in self.name

    def unhealthy(self, *, once: bool) -> str:
        """Returns what is wrong, or an empty string; a container that runs ``once`` may exit with 0."""
        if self.state == "exited":
            return "" if once and self.exit_code == 0 else f"exited with {self.exit_code}"
        if self.state != "running":
            return self.state
        return "" if self.health in WELL else self.health


def listed() -> list[Container]:
    """Returns the project's containers, running or not.

    Raises:
        DockerError: Docker does not answer.
        SettingsError: Docker Compose is not installed.
    """
    command = [*compose_program.command(), *compose.EVERYTHING, "ps", "--all", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DockerError(f"`docker compose ps` failed: {done.stderr.strip()}")
    return parsed(done.stdout)


def parsed(answer: str) -> list[Container]:
    """Reads what `docker compose ps --format json` prints: an array up to Compose 2.20, then one a line."""
    if answer.lstrip().startswith("["):
        found = json.loads(answer)
    else:
        found = [json.loads(line) for line in answer.splitlines() if line.strip()]
    fields = ("Name", "Service", "State", "Health", "ExitCode")
    return [Container(*(each[field] for field in fields)) for each in found]


def running() -> bool:
    """Returns whether a container of the project runs.

    Raises:
        DockerError, SettingsError: as `listed`.
    """
    return any(each.state in UP for each in listed())


def services(stack: compose.DockerStack) -> dict[str, Mapping[str, Any]]:
    """Returns the services that this stack starts, as docker-compose.yml describes them."""
    text = (REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8")
    profiles = set(stack.profiles())
    described: dict[str, Mapping[str, Any]] = yaml.safe_load(text)["services"]
    return {name: each for name, each in described.items() if profiles.issuperset(each.get("profiles", ()))}


def published(stack: compose.DockerStack) -> list[Wanted]:
    """Returns the ports of this machine that the containers take, each with the variable that changes it."""
    values = stack.environment.values
    return [
        Wanted(int(values.get(variable) or default), name, variable)
        for name, service in services(stack).items()
        for variable, default in PUBLISHED.findall(" ".join(service.get("ports", ())))
    ]


def unhealthy(wanted: Mapping[str, Mapping[str, Any]], found: Sequence[Container]) -> dict[str, str]:
    """Returns what is wrong, by service: a container's fault, or that the service has no container."""
    parts = [each for each in found if not each.aside]
    once = {name for name, service in wanted.items() if service.get("restart") == "no"}
    reasons = {
        each.service: reason for each in parts if (reason := each.unhealthy(once=each.service in once))
    }
    missing = wanted.keys() - {each.service for each in parts}
    return reasons | dict.fromkeys(sorted(missing), "has no container")
