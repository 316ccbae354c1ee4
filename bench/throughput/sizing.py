"""Calculates the sizing page from the throughput figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from pathlib import Path
from typing import Final

from bench.ledger.items import SIGNALS
from bench.throughput.compare import micros, per_core, ratio
from bench.throughput.measure import Figure
from bench.throughput.payloads import ITEMS, request

TEMPLATE: Final = Path(__file__).with_suffix(".md")
# The share reserved for replay: a queue that filled during an outage drains while the load continues.
_BUSY: Final = 0.65
_FILE: Final = 1.25
_HOURS: Final = 5
# Bytes that file_storage writes per byte of data; the page describes how they were counted.
_AMPLIFICATION: Final = 14
_MILLION: Final = 1_000_000
# The first table's rows: the name in the template, and the variant.
_ROWS: Final = (("full", "full"), ("stock", "stock"), ("passing", "no-redaction"), ("plain", "plain"))
_GIB: Final = 2**30
_TB: Final = 10**12


@dataclass(frozen=True, slots=True)
class Load:
    """What a platform sends.

    Args:
        name: for the table's first column.
        rates: items per second by signal.
        gateways: how many share the load.
    """

    name: str
    rates: Mapping[str, int]
    gateways: int

    def cores(self, capacity: Mapping[str, float]) -> float:
        """Returns the cores needed, at the given items per second and core by signal."""
        return sum(rate / capacity[signal] for signal, rate in self.rates.items()) / _BUSY


SCHOOL: Final = Load("school", {"traces": 160, "metrics": 300, "logs": 40}, 1)
UNIVERSITY: Final = Load("university", {"traces": 4_000, "metrics": 3_000, "logs": 1_000}, 3)
PLATFORM: Final = Load("platform", {"traces": 80_000, "metrics": 30_000, "logs": 20_000}, 6)
MILLION: Final = Load("million", {"traces": _MILLION, "metrics": 0, "logs": 0}, 1)


def page(figures: Sequence[Figure]) -> str:
    """Returns docs/sizing.md for these figures."""
    return TEMPLATE.read_text().format(**_capacities(figures), **_worked(figures), **_million(figures))


def rounded(value: float) -> float:
    """Truncates the value to two significant digits: a sizing never rounds a capacity up."""
    step = 10.0 ** (floor(log10(value)) - 1)
    return floor(value / step) * step


def bytes_each(signal: str) -> int:
    """Returns the size of one item of the load, in bytes of OTLP."""
    return round(len(request(signal)) / ITEMS)


def _capacity(figures: Sequence[Figure], variant: str) -> dict[str, float]:
    return {signal: rounded(per_core(figures, variant, signal)) for signal in SIGNALS}


def _capacities(figures: Sequence[Figure]) -> dict[str, str]:
    values: dict[str, str] = {}
    for short, variant in _ROWS:
        found = _capacity(figures, variant)
        values |= {f"{short}_{signal}": f"{found[signal]:,.0f}" for signal in SIGNALS}
    for signal in SIGNALS:
        whole = micros(figures, "full", signal)
        masking = 1 - micros(figures, "no-redaction", signal) / whole
        gzip = micros(figures, "plain", signal) - micros(figures, "plain-no-gzip", signal)
        disk = (micros(figures, "no-redaction", signal) - micros(figures, "bare", signal)) / whole
        values |= {
            f"bytes_{signal}": str(bytes_each(signal)),
            f"share_{signal}": f"{ratio(figures, 'full', signal):.0%}",
            f"masking_{signal}": f"{masking:.0%}",
            f"stock_share_{signal}": f"{ratio(figures, 'stock', signal):.0%}",
            f"disk_{signal}": f"{disk:.0%}",
            f"gzip_{signal}": f"{gzip:.0f}",
        }
    return values


def _worked(figures: Sequence[Figure]) -> dict[str, str]:
    full, passing = _capacity(figures, "full"), _capacity(figures, "no-redaction")
    values: dict[str, str] = {}
    for load in (SCHOOL, UNIVERSITY, PLATFORM, MILLION):
        disk = load.rates["traces"] * bytes_each("traces") * _HOURS * 3600 * _FILE
        values |= {
            f"{load.name}_cores": _cores(load.cores(full)),
            f"{load.name}_passing": _cores(load.cores(passing)),
            f"{load.name}_disk": _size(disk),
            f"{load.name}_disk_each": _size(disk / load.gateways),
        }
    held = _GIB / (_HOURS * 3600)
    values["default_rate"] = f"{rounded(held / bytes_each('traces')):,.0f}"
    values["default_bytes"] = f"{rounded(held / 1000):,.0f}"
    return values


def _million(figures: Sequence[Figure]) -> dict[str, str]:
    passing, size = _capacity(figures, "no-redaction"), bytes_each("traces")
    pods = ceil(MILLION.cores(passing) / 4)
    disk = _MILLION * size * _HOURS * 3600 * _FILE
    return {
        "pods": str(pods),
        "pod_rate": f"{rounded(_MILLION / pods):,.0f}",
        "pod_bytes": f"{_MILLION / pods * size / 1e6:,.0f}",
        "pod_requests": f"{_MILLION / pods / ITEMS:,.0f}",
        "pod_disk": _size(disk / pods),
        "pod_written": f"{_MILLION / pods * size * _AMPLIFICATION / 1e6:,.0f}",
        "network": f"{_MILLION * size / 1e6:,.0f}",
        "node_rate": f"{_capacity(figures, 'full')['traces'] * _BUSY:,.0f}",
    }


def _cores(value: float) -> str:
    return f"{value:.2f}" if value < 1 else f"{ceil(value):,}"


def _size(value: float) -> str:
    return f"{value / _TB:,.1f} TB" if value >= _TB else f"{value / 1e9:,.0f} GB"
