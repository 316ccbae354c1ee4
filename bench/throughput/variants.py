"""The Collectors that are compared: ours with everything on, with one thing off, and the plain peer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from bench.collector import Recipe
from collector_kit.fragments import FRAGMENTS, LEAN

PLAIN: Final = Path(__file__).resolve().parent.parent / "plain.yaml"
SINKS: Final = {"traces": "jaeger", "metrics": "prometheus", "logs": "victorialogs"}
_CLEAN: Final = ("traces/clean", "metrics/clean", "logs/clean")
_STOCK: Final = tuple(FRAGMENTS / f"{name}.yaml" for name in ("base", *SINKS.values()))
_OURS: Final = (*_STOCK, *(FRAGMENTS / name for name in LEAN))
# Without a disk queue the backlog is in memory; near the usual limit most CPU time is garbage collection.
_ROOM: Final = {"GOMEMLIMIT": "6GiB", "COLLECTOR_MEMORY_MIB": "6000", "COLLECTOR_MEMORY_SPIKE_MIB": "500"}
Change = Callable[[str, dict[str, Any]], None]


def _same(_name: str, _fragment: dict[str, Any]) -> None:
    """Leaves the fragment unchanged."""


def _without_gzip(_name: str, fragment: dict[str, Any]) -> None:
    for name, exporter in fragment.get("exporters", {}).items():
        if name.startswith("otlp_http/"):
            exporter["compression"] = "none"


def _without_fsync(_name: str, fragment: dict[str, Any]) -> None:
    for extension in fragment.get("extensions", {}).values():
        if isinstance(extension, dict) and "fsync" in extension:
            extension["fsync"] = False


def _without_disk(_name: str, fragment: dict[str, Any]) -> None:
    for exporter in fragment.get("exporters", {}).values():
        if exporter and "sending_queue" in exporter:
            del exporter["sending_queue"]["storage"]


def _with_bounds_only(name: str, fragment: dict[str, Any]) -> None:
    if name == "base.yaml":
        for pipeline in _CLEAN:
            fragment["service"]["pipelines"][pipeline]["processors"].remove("redaction")


def _without_redaction(name: str, fragment: dict[str, Any]) -> None:
    if name in {"base.yaml", "mask.yaml"}:
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
        title: for the report; up to the first colon it labels the plot.
        change: applied to each of its files.
        files: its configuration, in order.
        environment: variables that differ from the others'.
    """

    name: str
    title: str
    change: Change
    files: tuple[Path, ...] = _OURS
    environment: Mapping[str, str] = field(default_factory=dict)


VARIANTS: Final = (
    Variant("plain", "plain peer: batch processor, memory queue, gzip, no redaction", _same, (PLAIN,)),
    Variant("plain-no-gzip", "plain peer without gzip", _without_gzip, (PLAIN,)),
    Variant("full", "everything on: disk queue, fsync, bounds and redaction by `mask`, no gzip", _same),
    Variant("no-fsync", "without fsync", _without_fsync),
    Variant("no-disk", "without disk queue, with 6 GiB of memory", _without_disk, environment=_ROOM),
    Variant("no-redaction", "without bounds and redaction", _without_redaction),
    Variant(
        "bare", "without disk queue, bounds and redaction, with 6 GiB of memory", _bare, environment=_ROOM
    ),
    Variant("stock", "stock processors: everything on, as in the contrib image", _same, _STOCK),
    Variant("bounds", "stock processors without redaction", _with_bounds_only, _STOCK),
)


def recipe(variant: Variant, folder: Path, environment: dict[str, str]) -> Recipe:
    """Writes the variant's changed files into the folder and returns its Collector."""
    files = [_changed(source, folder, variant.change) for source in variant.files]
    return Recipe([str(path) for path in files], {**environment, **variant.environment})


def _changed(source: Path, folder: Path, change: Change) -> Path:
    fragment = yaml.safe_load(source.read_text())
    change(source.name, fragment)
    path = folder / source.name
    path.write_text(yaml.safe_dump(fragment))
    return path
