"""Fixtures for all tests: the real database and cache."""

from __future__ import annotations

pytest_plugins = ["tests.backends"]
