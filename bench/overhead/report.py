"""Writes docs/benchmarks/overhead.md, .json and .svg."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from bench.bars import Bars, svg
from bench.machine import described
from bench.overhead import worst
from bench.overhead.breakdown import breakdown
from bench.overhead.figures import Series
from bench.overhead.redaction import Redaction, section
from bench.overhead.variants import BARE, COPIED, variant
from bench.overhead.verdict import aims

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "benchmarks"
_MICRO: Final = 1e6


@dataclass(frozen=True, slots=True)
class Circumstances:
    """When and where the measurement ran; `load_before` is the load average before it started."""

    moment: str
    machine: str
    load_before: str
    python: str
    fastapi: str

    @classmethod
    def now(cls, load_before: str) -> Circumstances:
        """Returns those of this moment."""
        moment = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
        return cls(moment, described(), load_before, platform.python_version(), version("fastapi"))


@dataclass(frozen=True, slots=True)
class Alone:
    """The measurements that need no comparison between variants."""

    redaction: Redaction
    worst: Sequence[worst.Worst]


_HEAD: Final = """\
# What telemetry costs a request

Written by `python -m bench.overhead` ({moment}; {machine}; {load_before} before the run; \
CPython {python}, FastAPI {fastapi}). The rounds are in `overhead.json`.

![CPU time per request](overhead.svg)

{verdict}

## How to read it

- Every variant runs in its own process with the same packages, the same application and the same receiver: a
  local server that accepts OTLP over HTTP and Sentry envelopes and answers 200. Serialising and sending
  **count** in every variant's CPU figures; metrics, which all variants send once a minute, do not.
- In-process: the application is called as a server would call it, {requests} requests per round one after
  the other, always to the last route; then all pending telemetry is sent. **CPU** is the whole process's CPU
  time per request, **path** that of the serving thread alone (what the request itself waits for),
  **calls** its function calls (counted: the same under any load), **requests/s** is 1 / wall time.
- Rounds are interleaved (A B C, A B C, ...); figures are medians over the rounds; overheads and shares are
  computed within each round before the median is taken. CPU quartiles are in brackets.
- CPU times are longer on a busy machine than on a quiet one (shared caches and cores), for all variants
  alike: across machines compare the shares, not the microseconds.
- "The copied stack" is OpenTelemetry's contrib instrumentation, Sentry and prometheus-fastapi-instrumentator
  side by side with their defaults. "logfire" follows its recipe for another backend: an OTLP endpoint.
- From "ours: ids" on, each row adds a feature; the first has everything that `TelemetryConfig` cannot switch
  off. Redaction and HTTP metrics have no switch: the benchmark patches them out.
- uvicorn's own access log is off in all variants; ours writes one to a file, the peers write none. Sentry's
  defaults send no traces. Logfire's console output is off.
- Over uvicorn the client, the receiver and the database share the machine's cores with the application. The
  aim applies to "of bare", the share of the bare application's throughput, with its range over the rounds in
  brackets: where that is wide, other work used the cores, and the median means little. "bare CPU / its" is
  the bare application's CPU per request as a share of the variant's, as with cores to spare.
- "arrives" is what the receiver decoded per request before the measurement, as a check that no variant is
  fast because it sends nothing.

"""


def page(measured: Sequence[Series], circumstances: Circumstances, alone: Alone) -> str:
    """Returns the measurement as Markdown."""
    verdict = "\n".join(f"- {each}" for each in verdicts(measured))
    requests = measured[0].requests
    head = _HEAD.format(**asdict(circumstances), verdict=verdict, requests=requests)
    tables = [_served(each) if each.served else _in_process(each) for each in measured]
    return (
        head
        + "\n".join(
            [*tables, breakdown(measured), section(alone.redaction), worst.section(alone.worst)]
        ).rstrip()
        + "\n"
    )


def verdicts(measured: Sequence[Series]) -> list[str]:
    """Returns a sentence for each aim: what was found and whether it is reached."""
    return [
        f"{aim.sentence[0].upper()}{aim.sentence[1:]}, at 100 routes: **{aim.found:.0%}** "
        f"(aim: {'at most' if aim.at_most else 'at least'} {aim.bound:.0%}, "
        f"{'reached' if aim.reached else '**not reached**'})"
        for aim in aims(measured)
    ]


def _in_process(series: Series) -> str:
    rows = [
        "| variant | CPU µs | path µs | calls | requests/s | overhead µs | of the copied stack's | arrives |",
        "|---|---|---|---|---|---|---|---|",
        *(_in_process_row(series, name) for name in series.rounds),
    ]
    return "\n".join([f"## In-process, {_routes(series)}", "", *rows, ""])


def _in_process_row(series: Series, name: str) -> str:
    low, high = (_micro(each) for each in series.spread(name))
    cells = [
        variant(name).title,
        f"{_micro(series.median(name, 'cpu'))} ({low} to {high})",
        _micro(series.median(name, "path")),
        f"{series.calls[name]:,.0f}",
        f"{1 / series.median(name, 'wall'):,.0f}",
        "" if name == BARE else _micro(series.overhead(name)),
        "" if name == BARE else _share(series, name),
        _arrives(series, name),
    ]
    return f"| {' | '.join(cells)} |"


def _served(series: Series) -> str:
    rows = [
        "| variant | requests/s | of bare | CPU µs | bare CPU / its | overhead µs | of copied | latency ms |",
        "|---|---|---|---|---|---|---|---|",
        *(_served_row(series, name) for name in series.rounds),
    ]
    title = f"## Over uvicorn with one MongoDB read, {_routes(series)}, 8 connections"
    return "\n".join([title, "", *rows, ""])


def _served_row(series: Series, name: str) -> str:
    least, most = series.throughput_range(name)
    cells = [
        variant(name).title,
        f"{1 / series.median(name, 'wall'):,.0f}",
        f"{series.throughput_share(name):.0%} ({least:.0%} to {most:.0%})",
        _micro(series.median(name, "cpu")),
        f"{series.cpu_share(name):.0%}",
        "" if name == BARE else _micro(series.overhead(name)),
        "" if name == BARE else _share(series, name),
        f"{series.median(name, 'latency') * 1000:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def _routes(series: Series) -> str:
    return "1 route" if series.routes == 1 else f"{series.routes} routes"


def _micro(seconds: float) -> str:
    return f"{seconds * _MICRO:.0f}"


def _share(series: Series, name: str) -> str:
    if COPIED not in series.rounds:
        return ""
    return f"{series.share_of_overhead(name, COPIED):.0%}"


def _arrives(series: Series, name: str) -> str:
    seen = series.arrived.get(name, {})
    counts = {"spans": "spans", "logs": "log records", "bytes": "bytes"}
    return ", ".join(f"{seen[key]:g} {word}" for key, word in counts.items() if seen.get(key))


def chart(measured: Sequence[Series]) -> Bars:
    """Returns the CPU time per request in-process of every variant, a bar per number of routes."""
    series = [each for each in measured if not each.served]
    names = list(series[0].rounds)
    bars = {_routes(each): [each.median(name, "cpu") * _MICRO for name in names] for each in series}
    title = "CPU time per request, in-process, exports included (µs)"
    return Bars(title, [variant(name).title for name in names], bars, "{:.0f}")


def data(measured: Sequence[Series], circumstances: Circumstances, alone: Alone) -> dict[str, Any]:
    """Returns the measurement as plain values: every round in seconds per request or item, and the aims."""
    return {
        "circumstances": asdict(circumstances),
        "aims": [{**asdict(aim), "reached": aim.reached} for aim in aims(measured)],
        "series": [asdict(each) for each in measured],
        "redaction": asdict(alone.redaction),
        "worst": [asdict(each) for each in alone.worst],
    }


def write(
    measured: Sequence[Series], circumstances: Circumstances, alone: Alone, folder: Path = FOLDER
) -> list[Path]:
    """Writes the page, the data and the chart into `folder` and returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "overhead.md": page(measured, circumstances, alone),
        "overhead.json": json.dumps(data(measured, circumstances, alone), indent=1) + "\n",
        "overhead.svg": svg(chart(measured)),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]
