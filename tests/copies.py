"""A copy of the project, for tests that write into it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from stack.settings import REPOSITORY

_OURS: Final = ("LMS_", "STACK", "OTEL_", "TELEMETRY_", "SENTRY_", "MONGODB_URL", "REDIS_URL", "DEMO")


def copy_of_the_project(folder: Path) -> None:
    """Copies the project's files, tracked and untracked but not ignored, into the folder."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name)


def newcomers_environment() -> dict[str, str]:
    """Returns the environment without the project's settings; programs already built stay usable."""
    return {
        key: value
        for key, value in os.environ.items()
        if key == "STACK_CACHE_DIR" or not key.startswith(_OURS)
    }
