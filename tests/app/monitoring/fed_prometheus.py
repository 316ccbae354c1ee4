"""A real Prometheus with planted figures: fed over OTLP, as the Collector feeds it, for now and the past."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from stack.native.tools import tool_path
from tests.collector_config.stores import prometheus_tree
from tests.programs import free_port, running

SERVICE: Final = "test"
STEP: Final = 30
STEPS: Final = 12
WEEK: Final = 7 * 24 * 3600
_OTLP: Final = "/api/v1/otlp/v1/metrics"


@dataclass(frozen=True)
class Fed:
    """The address, and what puts figures into it: `STEPS` points, one each `STEP` seconds, the last now."""

    url: str
    client: httpx.Client

    def counter(self, name: str, unit: str, each: Mapping[tuple[tuple[str, str], ...], float]) -> None:
        """Counts ``each`` value per step, by attributes."""
        self._send(name, unit, 0, [(labels, value, None) for labels, value in each.items()])

    def histogram(
        self,
        name: str,
        unit: str,
        bounds: Sequence[float],
        each: Mapping[tuple[tuple[str, str], ...], Sequence[int]],
        ago: int = 0,
    ) -> None:
        """Measures ``each`` number per bucket and step, by attributes, ending ``ago`` seconds before now."""
        self._send(name, unit, ago, [(labels, 0, counts) for labels, counts in each.items()], bounds)

    def gauge(self, name: str, unit: str, each: Mapping[tuple[tuple[str, str], ...], float]) -> None:
        """Sets values, by attributes."""
        points = [
            {"attributes": _attributes(labels), "timeUnixNano": str(time.time_ns()), "asDouble": value}
            for labels, value in each.items()
        ]
        self._post({"name": name, "unit": unit, "gauge": {"dataPoints": points}})

    def _send(
        self,
        name: str,
        unit: str,
        ago: int,
        series: list[tuple[tuple[tuple[str, str], ...], float, Sequence[int] | None]],
        bounds: Sequence[float] = (),
    ) -> None:
        end = time.time_ns() - ago * 10**9
        for step in range(STEPS + 1):  # the first is the point that growth is counted from
            moment = str(end - (STEPS - step) * STEP * 10**9)
            start = str(end - (STEPS + 1) * STEP * 10**9)
            common = {"timeUnixNano": moment, "startTimeUnixNano": start}
            points = [
                {"attributes": _attributes(labels), **common, **_value(value * step, counts, step, bounds)}
                for labels, value, counts in series
            ]
            kind = "histogram" if bounds else "sum"
            data: dict[str, Any] = {"dataPoints": points, "aggregationTemporality": 2}
            self._post({"name": name, "unit": unit, kind: data | ({} if bounds else {"isMonotonic": True})})

    def _post(self, metric: dict[str, Any]) -> None:
        resource = {"attributes": _attributes((("service.name", SERVICE), ("service.instance.id", "t-0")))}
        body = {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [metric]}]}]}
        answer = self.client.post(_OTLP, json=body)
        assert answer.status_code == 200, answer.text


def _attributes(labels: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in labels]


def _value(value: float, counts: Sequence[int] | None, step: int, bounds: Sequence[float]) -> dict[str, Any]:
    if counts is None:
        return {"asDouble": value}
    grown = [count * step for count in counts]
    middles = [*((low + high) / 2 for low, high in zip((0, *bounds), bounds, strict=False)), bounds[-1]]
    return {
        "bucketCounts": [str(count) for count in grown],
        "explicitBounds": list(bounds),
        "count": str(sum(grown)),
        "sum": sum(count * middle for count, middle in zip(grown, middles, strict=True)),
    }


@contextmanager
def fed_prometheus(folder: Path) -> Iterator[Fed]:
    """Runs Prometheus with the repository's configuration, but it takes samples of the last eight days."""
    file = prometheus_tree(folder, {})
    configuration = yaml.safe_load(file.read_text())
    configuration["storage"]["tsdb"]["out_of_order_time_window"] = "8d"
    file.write_text(yaml.safe_dump(configuration))
    port = free_port()
    command = [
        str(tool_path("prometheus")),
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-otlp-receiver",
    ]
    url = f"http://127.0.0.1:{port}"
    with running(command, f"{url}/-/ready"), httpx.Client(base_url=url, timeout=30) as client:
        yield Fed(url, client)
