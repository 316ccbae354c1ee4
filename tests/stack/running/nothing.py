"""Queries that find nothing on a stack that was started a minute ago, each with the reason."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tests.stack.running.executed import Ran

# By board / panel / query.
EMPTY: Final[dict[str, str]] = {}
# What may be empty or not, by chance.
PERHAPS: Final[dict[str, str]] = {}


def expected(ran: Ran) -> bool:
    """Returns whether the query may be empty."""
    return ran.name in EMPTY or ran.name in PERHAPS


def unneeded(ran: Iterable[Ran]) -> list[str]:
    """Returns the entries whose query is not empty, or does not exist."""
    found = {each.name: each for each in ran}
    gone = [f"{name}: no board has it" for name in (*EMPTY, *PERHAPS) if name not in found]
    return gone + [f"{name}: is not empty" for name in EMPTY if name in found and not found[name].empty]
