"""The Compose stack of a generated .env, and the model that Docker Compose resolves from it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import yaml

from stack.compose import DockerStack
from stack.environment import load, write
from stack.native.tools import tool_path
from stack.settings import REPOSITORY

SERVICES = sorted(yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"])


def stack_in(folder: Path, **variables: str) -> DockerStack:
    """Writes a .env with these variables and the files of its stack."""
    dotenv = folder / ".env"
    write(dotenv)
    with dotenv.open("a") as file:
        file.writelines(
            f"{key}={value}\n" for key, value in {"STACK_DATA_DIR": folder / "data", **variables}.items()
        )
    stack = DockerStack(load(dotenv, {}))
    stack.write()
    return stack


def resolve(stack: DockerStack, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Returns the model that Docker Compose resolves from this stack's files, profiles and variables."""
    dotenv = stack.folder.parent.parent / ".env"
    command = [str(tool_path("docker-compose")), "--env-file", str(dotenv), *stack.arguments(), *arguments]
    environ = {"PATH": os.environ["PATH"], "HOME": str(dotenv.parent), **stack.variables()}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environ)
