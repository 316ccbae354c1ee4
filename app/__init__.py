"""The learning platform."""

from __future__ import annotations

from typing import Final

# What telemetry and the API's description call it; `pyproject.toml` says the same.
VERSION: Final = "0.1.0"
