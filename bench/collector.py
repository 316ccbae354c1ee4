"""A real Collector with the repository's fragments, for a measurement."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import yaml
from prometheus_client.parser import text_string_to_metric_families

from bench.process import Program, local
from collector_kit.fragments import FRAGMENTS, arguments
from stack.native.ports import LOOPBACK, free_ports
from stack.native.tools import tool_path

_EXPORTER: Final = re.compile(r"^otlp_http/")


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one series that the Collector exposes about itself."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Recipe:
    """The parts of a Collector's configuration.

    Args:
        fragments: names of files in collector-config/, in order; or whole paths.
        environment: variables of the fragments, besides those of the base.
        overlay: configuration merged last; empty is none.
    """

    fragments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    overlay: Mapping[str, Any] = field(default_factory=dict)


class Collector:
    """A Collector that can be killed and restarted on the same ports and the same disk.

    Args:
        folder: for its state, its token and its output.
        recipe: what it consists of.
    """

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port, self.metrics_port, health = free_ports(3)
        self.token = secrets.token_urlsafe(24)
        self.state = Path(recipe.environment.get("COLLECTOR_STATE_DIR", folder / "state"))
        token_file = folder / "token"
        token_file.write_text(self.token)
        files = [FRAGMENTS / name for name in recipe.fragments]
        environment = {
            "COLLECTOR_OTLP_ENDPOINT": f"{LOOPBACK}:{self.port}",
            "COLLECTOR_HEALTH_ENDPOINT": f"{LOOPBACK}:{health}",
            "COLLECTOR_METRICS_PORT": str(self.metrics_port),
            "COLLECTOR_STATE_DIR": str(self.state),
            "OTLP_TOKEN_FILE": str(token_file),
            "GOMEMLIMIT": "320MiB",
            "GOGC": "400",
            **recipe.environment,
        }
        if recipe.overlay:
            files.append(_written(folder / "overlay.yaml", recipe.overlay))
        command = [str(tool_path("otelcol-lms")), *arguments(files)]
        self.program = Program("collector", command, folder, local(health, "/"), environment)

    async def samples(self) -> list[Sample]:
        """Returns what the Collector exposes about itself now."""
        async with httpx.AsyncClient(timeout=10) as client:
            answer = await client.get(local(self.metrics_port, "/metrics"))
        families = text_string_to_metric_families(answer.text)
        return [Sample(each.name, each.labels, each.value) for family in families for each in family.samples]

    async def total(self, name: str, **labels: str) -> float:
        """Returns the sum of a metric over the series with these labels; 0 when there is none."""
        return sum(
            each.value
            for each in await self.samples()
            if each.name == name and all(each.labels.get(key) == value for key, value in labels.items())
        )


def _written(path: Path, overlay: Mapping[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(dict(overlay)))
    return path


def scaled_retry(fragments: Sequence[str], scale: float) -> dict[str, Any]:
    """Returns an overlay that only shortens every OTLP exporter's retry pauses.

    Args:
        fragments: names of files in collector-config/.
        scale: how many times shorter. 60 makes a minute a second.
    """
    exporters: dict[str, Any] = {}
    for name in fragments:
        found = yaml.safe_load((FRAGMENTS / name).read_text()).get("exporters") or {}
        exporters |= {key: found[key] for key in found if _EXPORTER.match(key)}
    pauses = {"initial_interval": f"{1000 / scale:.0f}ms", "max_interval": f"{15000 / scale:.0f}ms"}
    return {"exporters": {name: {"retry_on_failure": pauses} for name in exporters}} if exporters else {}
