"""Finds the Docker Compose of this machine, checks its version, and runs it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from typing import Final

from stack.settings import SettingsError

END_SECONDS: Final = 30.0
# `!reset` in docker-compose.contrib.yml; `required: false` of docker-compose.yml needs 2.20.2.
OLDEST: Final = (2, 24, 4)


def command() -> list[str]:
    """Returns this machine's Docker Compose: the plugin, otherwise the standalone program.

    Raises:
        SettingsError: neither is installed, or it is too old for docker-compose.yml.
    """
    for candidate in (["docker", "compose"], ["docker-compose"]):
        found = shutil.which(candidate[0])
        if found and (version := _version([found, *candidate[1:]])):
            if version < OLDEST:
                needed, given = (".".join(map(str, each)) for each in (OLDEST, version))
                raise SettingsError(f"Docker Compose {needed} or newer is needed, this is {given}: update it")
            return [found, *candidate[1:]]
    raise SettingsError("Docker Compose is not installed: install its plugin, or use STACK=native")


def _version(program: Sequence[str]) -> tuple[int, ...] | None:
    """Returns the version of a Docker Compose, or None if the program is not one."""
    done = subprocess.run([*program, "version", "--short"], capture_output=True, text=True, check=False)
    numbers = re.search(r"(\d+)\.(\d+)\.(\d+)", done.stdout)
    return tuple(map(int, numbers.groups())) if done.returncode == 0 and numbers else None


def run(command: Sequence[str], environ: Mapping[str, str], *, shielded: bool) -> int:
    """Returns the program's exit status; an interrupt terminates it first, so that it starts nothing more."""
    with subprocess.Popen(command, env=environ, start_new_session=shielded) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            _terminate(process)
            raise


def _terminate(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
