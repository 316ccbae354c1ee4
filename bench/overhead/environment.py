"""The peers' own Python environment, apart from the project's."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bench.installed import peers, python_of

PEERS: Final = peers("overhead-peers", Path(__file__).parent, "logfire")


def peers_python() -> Path:
    """Returns the Python that has every variant's packages; installs them if they are missing.

    Raises:
        ToolError: They could not be installed; the text says why.
    """
    return python_of(PEERS)
