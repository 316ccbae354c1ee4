"""What lint lets pass for some time, with the reason; an expired or useless exception is a fault."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final


@dataclass(frozen=True, slots=True)
class Exempt:
    """One fault that is known.

    Args:
        board: its uid.
        panel: its title.
        rule: as it is in brackets at the end of the fault.
        reason: why it may stay for now.
        until: the last day.
    """

    board: str
    panel: str
    rule: str
    reason: str
    until: date


EXCEPTIONS: Final[tuple[Exempt, ...]] = ()
