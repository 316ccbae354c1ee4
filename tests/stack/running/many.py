"""A month of many processes: what one process emits, many times over, loaded into a Prometheus.

Points are ten minutes apart in the last week and six hours before it; every fifteen seconds, as in
production, would be 150 times as many. What a query costs by its series, labels and steps is real; what it
costs by the points in a step is less than in production.
"""

from __future__ import annotations

import math
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

import httpx

from stack.native.tools import tool_path
from tests.programs import free_port, running

_DAY: Final = 86400
_GROWING: Final = ("_total", "_count", "_bucket", "_sum")
# Of a metric of one process: how many label sets besides the buckets are loaded at most.
_LABEL_SETS: Final = 4
_PATTERNS: Final = 16
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Loaded:
    """How much was loaded."""

    series: int
    samples: int


def copies(found: Iterable[Labels], instance: str, processes: int) -> Iterator[Labels]:
    """Yields the series of so many processes, from those of one; what has no process is there once."""
    listed = list(found)
    yield from (labels for labels in listed if labels.get("instance") != instance)
    for labels in _thinned(labels for labels in listed if labels.get("instance") == instance):
        yield from ({**labels, "instance": f"process-{number:03d}"} for number in range(processes))


def _thinned(found: Iterable[Labels]) -> Iterator[Labels]:
    """Yields a few label sets of each metric, and of those all buckets."""
    sets: dict[str, set[tuple[tuple[str, str], ...]]] = defaultdict(set)
    for labels in found:
        key = tuple(sorted((name, value) for name, value in labels.items() if name != "le"))
        known = sets[labels["__name__"]]
        if key in known or len(known) < _LABEL_SETS:
            known.add(key)
            yield labels


def write(file: TextIO, series: Iterable[Labels], now: int) -> Loaded:
    """Writes a month of samples of each series as OpenMetrics; counters grow, everything else varies."""
    week, start = now - 7 * _DAY, now - 30 * _DAY
    times = [*range(start, week, 6 * 3600), *range(week, now + 1, 600)]
    growing = [
        [f" {place * step} {time}\n" for place, time in enumerate(times)] for step in range(1, _PATTERNS)
    ]
    varying = [
        [f" {(place * step) % 97 / 100} {time}\n" for place, time in enumerate(times)] for step in range(1, 9)
    ]
    count = 0
    for count, labels in enumerate(series, 1):  # noqa: B007 - the last is the number
        grows = labels["__name__"].endswith(_GROWING)
        choices = growing if grows else varying
        lines = choices[_rank(labels) % len(choices)]
        head = _text(labels)
        file.write(head + head.join(lines))
    file.write("# EOF\n")
    return Loaded(count, count * len(times))


def _rank(labels: Labels) -> int:
    """Returns a bucket's place: a histogram's buckets grow with their bounds."""
    bound = float(labels.get("le", "inf"))
    return _PATTERNS - 2 if math.isinf(bound) else min(_PATTERNS - 2, int(math.log2(bound * 1000 + 1)))


def _text(labels: Labels) -> str:
    pairs = (f'{name}="{_escaped(value)}"' for name, value in labels.items() if name != "__name__")
    return f"{labels['__name__']}{{{','.join(pairs)}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@contextmanager
def prometheus(folder: Path, openmetrics: Path) -> Iterator[httpx.Client]:
    """Runs a Prometheus with these samples, that scrapes nothing, until the block ends."""
    data, file = folder / "data", folder / "prometheus.yml"
    command = [str(tool_path("promtool")), "tsdb", "create-blocks-from", "--max-block-duration=2000h"]
    subprocess.run([*command, "openmetrics", str(openmetrics), str(data)], check=True, capture_output=True)
    openmetrics.unlink()
    file.write_text("global: {}")
    url = f"http://127.0.0.1:{free_port()}"
    server = [
        str(tool_path("prometheus")),
        f"--config.file={file}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=60d",
        f"--web.listen-address={url.removeprefix('http://')}",
    ]
    with running(server, f"{url}/-/ready"), httpx.Client(base_url=url, timeout=60) as client:
        yield client
