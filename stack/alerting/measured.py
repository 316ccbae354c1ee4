"""What the platform measures: its routes and its metrics as Prometheus names them, from a generated file."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

FILE: Final = Path(__file__).with_name("measured.json")


@dataclass(frozen=True, slots=True)
class Family:
    """A metric; ``labels`` has the allowed values of each, none where any value is allowed."""

    kind: str
    labels: Mapping[str, tuple[str, ...]]
    buckets: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """Routes as `METHOD /route`, and metrics by their name in Prometheus."""

    routes: frozenset[str]
    metrics: Mapping[str, Family]

    @classmethod
    def shipped(cls) -> Self:
        """Returns what `make generate` found in the code."""
        content = json.loads(FILE.read_text(encoding="utf-8"))
        families = {
            name: Family(
                family["kind"],
                {label: tuple(allowed) for label, allowed in family["labels"].items()},
                tuple(family["buckets"]),
            )
            for name, family in content["metrics"].items()
        }
        return cls(frozenset(content["routes"]), families)

    def counters(self) -> list[str]:
        """Returns all names that only grow: counters, and histograms' counts."""
        names = {"counter": "{}", "histogram": "{}_count"}
        return [
            names[family.kind].format(name) for name, family in self.metrics.items() if family.kind in names
        ]

    @staticmethod
    def nearest(name: str, choices: Iterable[str]) -> str:
        """Returns a hint with the choice that is spelt most like ``name``."""
        found = difflib.get_close_matches(name, list(choices), 1)
        return f"did you mean {found[0]!r}?" if found else "see docs/telemetry.md"
