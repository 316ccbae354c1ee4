"""The Collectors that are compared: ours with everything on, with one thing off, and the plain peer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from bench.collector import Recipe
from stack.collector import FRAGMENTS

PLAIN: Final = Path(__file__).resolve().parent.parent / "plain.yaml"
SINKS: Final = {"traces": "jaeger", "metrics": "prometheus", "logs": "loki"}
_CLEAN: Final = ("traces/clean", "metrics/clean", "logs/clean")
_CHAINS: Final = ("base.yaml", "mask.yaml")
_SINK_FILES: Final = tuple(f"{sink}.yaml" for sink in SINKS.values())
Change = Callable[[str, dict[str, Any]], None]


def _same(_name: str, _fragment: dict[str, Any]) -> None:
    """Leaves the fragment as it stands."""


def _without_fsync(_name: str, fragment: dict[str, Any]) -> None:
    for extension in fragment.get("extensions", {}).values():
        if isinstance(extension, dict) and "fsync" in extension:
            extension["fsync"] = False


def _without_disk(_name: str, fragment: dict[str, Any]) -> None:
    for exporter in fragment.get("exporters", {}).values():
        if exporter and "sending_queue" in exporter:
            del exporter["sending_queue"]["storage"]


def _without_redaction(name: str, fragment: dict[str, Any]) -> None:
    if name in _CHAINS:
        for pipeline in _CLEAN:
            fragment["service"]["pipelines"][pipeline]["processors"] = []


def _bare(name: str, fragment: dict[str, Any]) -> None:
    _without_disk(name, fragment)
    _without_redaction(name, fragment)


@dataclass(frozen=True, slots=True)
class Variant:
    """One Collector.

    Args:
        name: short.
        title: for the report.
        change: what is changed in each of our fragments; None is the plain peer.
        chain: the files that bound and mask; the stock processors alone, or those of our build.
    """

    name: str
    title: str
    change: Change | None
    chain: tuple[str, ...] = _CHAINS


VARIANTS: Final = (
    Variant("plain", "plain peer: batch processor, memory queue, no redaction", None),
    Variant("full", "everything on: disk queue, fsync, redaction (`mask`)", _same),
    Variant("stock", "everything on, with stock processors as in the contrib image", _same, ("base.yaml",)),
    Variant("no-fsync", "without fsync", _without_fsync),
    Variant("no-disk", "without disk queue", _without_disk),
    Variant("no-redaction", "without bounds and redaction", _without_redaction),
    Variant("bare", "without disk queue, bounds and redaction", _bare),
)


def recipe(variant: Variant, folder: Path, environment: dict[str, str]) -> Recipe:
    """Returns the variant's Collector; changed fragments are written into the folder."""
    if variant.change is None:
        return Recipe([str(PLAIN)], environment)
    files = [_changed(FRAGMENTS / name, folder, variant.change) for name in (*variant.chain, *_SINK_FILES)]
    return Recipe([str(path) for path in files], environment)


def _changed(source: Path, folder: Path, change: Change) -> Path:
    fragment = yaml.safe_load(source.read_text())
    change(source.name, fragment)
    path = folder / source.name
    path.write_text(yaml.safe_dump(fragment))
    return path
