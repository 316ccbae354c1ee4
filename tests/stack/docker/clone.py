"""A clone of the project whose `make up` runs on the tests' own engine, with the real Docker Compose."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stack.environment import Environment, load
from stack.native.ports import free_ports
from stack.native.tools import tool_path
from stack.settings import REPOSITORY
from tests.copies import copy_of_the_project
from tests.stack.docker.engine import Engine

OURS: Final = (
    "LMS_",
    "STACK",
    "OTEL_",
    "TELEMETRY_",
    "SENTRY_",
    "MONGODB_URL",
    "LOKI_URL",
    "REDIS_URL",
    "DEMO",
    "COMPOSE_",
    "DOCKER",
)
OVERRIDE: Final = Path(__file__).with_name("override.yml")
BUILT: Final = Path(__file__).with_name("built.yml")
PUBLISHED: Final = re.compile(r"127\.0\.0\.1:\$\{(\w+):-\d+\}")
MINUTES: Final = 20 * 60  # the first run compiles the Collector
# `docker info` and `docker compose`, as the project calls them. The override follows the project's own files.
# With BUILT, our images are not built again: this engine reads all of each layer to find it unchanged.
DOCKER: Final = """#!/bin/sh
[ "$1" = info ] && exec podman --url "$DOCKER_HOST" info
[ "$1" = compose ] && shift
[ "$1" = --project-directory ] || exec {compose} "$@"
folder=$2 files=
shift 2
while [ "$1" = --file ]; do files="$files --file $2"; shift 2; done
files="${{files:+$files --file {override} ${{BUILT:+--file {built}}}}}"
exec {compose} --project-directory "$folder" $files "$@"
"""


@dataclass(frozen=True, eq=False)
class Clone:
    """A clone in `folder` with its data in `data`, and the variables of a user's shell."""

    engine: Engine
    folder: Path
    data: Path
    environ: Mapping[str, str]

    @classmethod
    def made(cls, engine: Engine, folder: Path) -> Clone:
        """Copies the project and gives it free ports, a database and an engine."""
        clone, data, programs = folder / "clone", folder / "data", folder / "bin"
        copy_of_the_project(clone)
        programs.mkdir()
        docker = programs / "docker"
        compose = tool_path("docker-compose")
        docker.write_text(DOCKER.format(compose=compose, override=OVERRIDE, built=BUILT))
        docker.chmod(0o755)
        password = secrets.token_urlsafe(16)
        ports = PUBLISHED.findall((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))
        kept = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
        given = {
            **dict(zip(ports, map(str, free_ports(len(ports))), strict=True)),
            "PATH": f"{programs}:{os.environ['PATH']}",
            "STACK": "docker",
            "STACK_DATA_DIR": str(data),
            "DEMO": "off",
            "DOCKER_HOST": engine.host,
            "DOCKER_BUILDKIT": "0",  # Podman has its own builder
            "TEST_DATABASE_PASSWORD": password,
            "MONGODB_URL": f"mongodb://lms:{password}@ferretdb:27017/lms?authMechanism=PLAIN",
            "LOKI_URL": "http://loki.invalid:3100",
            # Mailpit's image cannot be had either; nobody reads these mails.
            "STACK_MAIL_SMARTHOST": "mail.invalid:25",
            "STACK_MAIL_TO": "operator@example.org",
            "LMS_DEMO_FAILURE_RATIO": "1",
            "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        }
        return cls(engine, clone, data, {**kept, **given})

    def stack(self, command: str, **more: str) -> tuple[int, str]:
        """Runs the command of a make target; returns its exit status and what it prints."""
        return self._run([sys.executable, "-m", "stack", command], more)

    def compose(self, *arguments: str) -> str:
        """Runs Docker Compose on this project and returns what it prints.

        Raises:
            AssertionError: it failed; with its output.
        """
        status, said = self._run(
            ["docker", "compose", "--project-directory", str(self.folder), "--profile", "*", *arguments]
        )
        assert status == 0, said
        return said

    def environment(self) -> Environment:
        """Returns the settings that the stack runs with."""
        return load(self.folder / ".env", self.environ)

    def url(self, variable: str) -> str:
        """Returns the URL at the published port that this variable sets."""
        return f"http://127.0.0.1:{self.environ[variable]}"

    def container(self, service: str) -> dict[str, Any]:
        """Returns the service's container as the engine describes it."""
        return self.engine.inspect(f"stegmaier-lms-{service}-1")

    def running(self) -> set[str]:
        """Returns the services that have a running container."""
        lines = self.compose("ps", "--format", "json").splitlines()
        return {json.loads(line)["Service"] for line in lines if line}

    def _run(self, command: list[str], more: Mapping[str, str] | None = None) -> tuple[int, str]:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**self.environ, **(more or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=MINUTES,
        )
        return done.returncode, done.stdout
