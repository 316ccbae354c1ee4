"""The peers' own Python environment, installed once by hash in the user's cache, apart from the project's."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from stack.native.toolchain.build import make_all
from stack.native.toolchain.cache import cache_dir, tool_dir
from stack.native.toolchain.kinds import WheelTool
from stack.native.toolchain.progress import Board

_PYTHON: Final = "bin/python"
PEERS: Final = WheelTool(
    "limits-peers", Path(__file__).parent, "limits", {"limits-peers-python": _PYTHON}, "environment"
)


def peers_python() -> Path:
    """Returns the Python that has every limiter's packages; installs them if they are missing.

    Raises:
        ToolError: They could not be installed; the text says why.
    """
    make_all([PEERS], cache_dir(), Board())
    return tool_dir(cache_dir(), PEERS) / _PYTHON
