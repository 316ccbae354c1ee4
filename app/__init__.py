"""The learning platform."""

from __future__ import annotations

from typing import Final

# Reported by telemetry and the API's description; the same as in `pyproject.toml`.
VERSION: Final = "0.1.0"
