"""The project's commands, each of which is explained."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Final
from urllib.parse import urlsplit

import pytest
import yaml

from stack.settings import StackSettings
from tests.test_architecture import ROOT

COMMANDS: Final = {
    *("help", "up", "down", "status", "logs", "demo", "test", "lint", "check", "fmt", "generate", "bench"),
    *("ledger", "licences", "wheel", "lock", "clean", "test-docker", "test-long", "engine"),
    *("alerts-check", "alert-test", "report", "backup-done", "preview", "bundle"),
}
MAKEFILE: Final = (ROOT / "Makefile").read_text(encoding="utf-8")
MAKE: Final = re.compile(r"`make ([a-z-]+)")


def test_make_alone_explains_every_command() -> None:
    command = ["make", "--no-print-directory"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in shown.splitlines()} == COMMANDS
    assert all(len(line.split()) > 3 for line in shown.splitlines())


def test_a_group_of_tests_runs_in_one_worker() -> None:
    (options,) = re.findall(r"^PYTEST := \$\(RUN\) -m pytest -q (.+)$", MAKEFILE, re.MULTILINE)
    given = [*options.replace("$(WORKERS)", "2").split(), "-v", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *given, "tests/stack/docker", "tests/test_workflows.py"]
    environ = {**os.environ, "PATH": "/nonexistent"}  # no engine: the tests in containers are skipped
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    line = re.compile(r"^\[(gw\d)\] .* (PASSED|SKIPPED) tests/(stack/docker/|)test_\w+.py::", re.MULTILINE)
    ran = line.findall(done.stdout)
    assert len(ran) > len(set(ran)) == len({worker for worker, *_ in ran}) == 2, done.stdout
    assert re.search(r"^SKIPPED .*: no container engine: .", done.stdout, re.MULTILINE)


def test_every_command_is_phony() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.+)$", MAKEFILE.replace("\\\n", ""), re.MULTILINE)
    assert set(phony.split()) == COMMANDS | {"environment", "lint-types", "lint-style"}


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"])
def test_pages_name_existing_commands_only(page: str) -> None:
    named = set(MAKE.findall((ROOT / page).read_text(encoding="utf-8")))
    assert named
    assert named <= COMMANDS


def test_the_readmes_table_of_addresses_is_complete() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| (http://127\.0\.0\.1:(\d+)\S*) \|", readme, re.MULTILINE)
    ports = {name: str(field.default) for name, field in StackSettings.model_fields.items()}
    ports = {f"STACK_{name.upper()}": port for name, port in ports.items()} | {"LMS_PORT": "8000"}
    native = yaml.safe_load((ROOT / "stack" / "native" / "process-compose.yaml").read_text())["processes"]
    opened = {part["x-open"] for part in native.values() if "x-open" in part}
    opened = {re.sub(r"\$\{(\w+)\}", lambda name: ports[name[1]], each) for each in opened}
    assert opened <= {address for address, _ in table}
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    published = set(re.findall(r'ports: \["127\.0\.0\.1:\$\{\w+:-(\d+)\}', compose))
    assert {port for _, port in table} == published | {str(urlsplit(each).port) for each in opened}
