"""The two chains that mask: stock processors, and the one of our own build."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

STOCK, MASK = "stock", "mask"
CHAINS = (STOCK, MASK)


def with_chain(chain: str, files: Sequence[str | Path]) -> list[str | Path]:
    """Returns the fragments with the chain chosen: mask.yaml comes right after base.yaml, once."""
    others = [file for file in files if Path(file).name != "mask.yaml"]
    assert Path(others[0]).name == "base.yaml"
    return [others[0], *(["mask.yaml"] if chain == MASK else []), *others[1:]]
