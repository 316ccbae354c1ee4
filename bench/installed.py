"""A Python environment of its own for a benchmark's peers, installed once by hash in the user's cache."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from stack.native.toolchain.build import make_all
from stack.native.toolchain.cache import cache_dir, tool_dir
from stack.native.toolchain.kinds import WheelTool
from stack.native.toolchain.progress import Board

_PYTHON: Final = "bin/python"


def peers(name: str, folder: Path, distribution: str) -> WheelTool:
    """Returns the environment ``name`` of the lock in ``folder``; ``distribution`` is its main part."""
    return WheelTool(name, folder, distribution, {f"{name}-python": _PYTHON}, "environment")


def python_of(environment: WheelTool) -> Path:
    """Returns the environment's Python; installs what is missing.

    Raises:
        ToolError: It could not be installed; the text says why.
    """
    make_all([environment], cache_dir(), Board())
    return tool_dir(cache_dir(), environment) / _PYTHON
