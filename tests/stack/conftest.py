"""Fixtures that several files use: the Compose stack and its resolved model."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stack.compose import DockerStack
from tests.stack.compose import resolve, stack_in


@pytest.fixture(name="docker", scope="session")
def _docker(tmp_path_factory: pytest.TempPathFactory) -> DockerStack:
    """The stack of a generated .env, its files written."""
    return stack_in(tmp_path_factory.mktemp("docker"))


@pytest.fixture(name="model", scope="session")
def _model(docker: DockerStack) -> dict[str, Any]:
    """The resolved Compose model, with the services of every profile."""
    done = resolve(docker, "--profile", "contrib", "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    resolved: dict[str, Any] = json.loads(done.stdout)
    return resolved
