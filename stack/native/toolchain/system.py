"""Finds programs installed on the machine that can be used in place of ours."""

import re
import shutil
import subprocess
from pathlib import Path

_LEAST_REDIS = (6, 2)
_QUERY_SECONDS = 10


def find_redis() -> Path | None:
    """Returns the machine's redis-server if it is version 6.2 or newer."""
    command = shutil.which("redis-server")
    if command is None:
        return None
    try:
        result = subprocess.run(
            [command, "--version"], capture_output=True, text=True, timeout=_QUERY_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"\bv=(\d+)\.(\d+)", result.stdout)
    if match is None or (int(match[1]), int(match[2])) < _LEAST_REDIS:
        return None
    return Path(command)
