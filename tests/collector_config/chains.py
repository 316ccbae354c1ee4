"""The two equivalent chains: stock processors, and the lean build's, which masks in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from collector_kit.fragments import LEAN

STOCK, MASK = "stock", "mask"
CHAINS = (STOCK, MASK)


def with_chain(chain: str, files: Sequence[str | Path]) -> list[str | Path]:
    """Returns the fragments with the chosen chain: the lean build's come right after base.yaml, once."""
    others = [file for file in files if Path(file).name not in LEAN]
    assert Path(others[0]).name == "base.yaml"
    return [others[0], *(LEAN if chain == MASK else ()), *others[1:]]
