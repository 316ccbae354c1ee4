"""The series that boards ask for and other programs emit; the running stack proves that each is emitted."""

from __future__ import annotations

from typing import Final

FOREIGN: Final = ("target_info", "up")
