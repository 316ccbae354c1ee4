"""A shell in a copy of the project, beside the running stack, into which tests paste what the texts say."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.native.native_stack import NativeStack
from stack.settings import REPOSITORY, StackSettings
from tests.copies import copy_of_the_project, newcomers_environment

# Shows each answer's status; a proxy of this machine would not reach the stack.
_CURL: Final = 'write-out = "%{stderr}%{http_code} %{url}\\n"\nmax-time = 20\nnoproxy = "*"\n'
_STATUS: Final = re.compile(r"^(\d{3}) http", re.MULTILINE)
_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command said, its exit code, and the HTTP status of each answer that curl got."""

    code: int
    said: str
    complaints: str

    @property
    def statuses(self) -> list[int]:
        return [int(status) for status in _STATUS.findall(self.complaints)]


class Desk:
    """The shell. ``filled`` has a value for each placeholder of the texts."""

    def __init__(self, stack: NativeStack, folder: Path, filled: Mapping[str, str]) -> None:
        self._home, self._filled = folder / "project", filled
        self._data = str(stack.folder)
        values = stack.environment.values
        self._ports = {
            str(field.default): values[f"STACK_{name.upper()}"]
            for name, field in StackSettings.model_fields.items()
            if name.startswith("port_")
        } | {"8000": values["LMS_PORT"]}
        copy_of_the_project(self._home)
        (self._home / ".venv").symlink_to(REPOSITORY / ".venv")
        secrets = self._home / ".env"
        secrets.touch(mode=0o600)
        secrets.write_text("".join(f"{key}={value}\n" for key, value in values.items()), encoding="utf-8")
        (folder / ".curlrc").write_text(_CURL)
        # make takes the Python from PYTHON: that of .venv, so that it finds nothing to install.
        own = {"CURL_HOME": str(folder), "PYTHON": sys.executable, "STACK": "native"}
        self._environ = {**newcomers_environment(), **own}

    def here(self, text: str) -> str:
        """Returns a command with this stack's ports and data folder, and without placeholders.

        Raises:
            KeyError: it asks a port that no part of the stack has.
        """
        for placeholder, value in self._filled.items():
            text = text.replace(placeholder, value)
        text = re.sub(
            r"(//127\.0\.0\.1:|sport = :)(\d+)", lambda found: found[1] + self._ports[found[2]], text
        )
        return re.sub(r"(?<= )\.stack\b", self._data, text)

    def run(self, text: str) -> Answer:
        """Runs a command and returns its answer."""
        ran = subprocess.run(
            ["/bin/bash", "-c", self.here(text)],
            cwd=self._home,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        return Answer(ran.returncode, ran.stdout, ran.stderr)

    def watch(self, text: str) -> str:
        """Runs a command that goes on until Ctrl-C; returns its first line and presses it."""
        with subprocess.Popen(
            ["/bin/bash", "-c", f"exec {self.here(text)}"],
            cwd=self._home,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=_SECONDS)
        return first
