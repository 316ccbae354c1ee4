"""Dotted names of loggers and modules."""

from __future__ import annotations


def is_within(name: str, packages: tuple[str, ...]) -> bool:
    """Tells whether `name` is one of `packages` or below one: `a.b` is within `a`, `ab` is not."""
    return name.startswith(packages) and any(f"{name}.".startswith(f"{each}.") for each in packages)
