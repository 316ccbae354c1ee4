"""Grafana's units, as far as our boards use them; an unknown one is written behind the number.

https://grafana.com/docs/grafana/latest/panels-visualizations/configure-standard-options/#unit
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

_Scale = Sequence[tuple[float, str]]
_SHORT: Final[_Scale] = ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k"), (1, ""))
_BINARY: Final[_Scale] = ((2**40, " TiB"), (2**30, " GiB"), (2**20, " MiB"), (2**10, " KiB"), (1, " B"))
_DECIMAL: Final[_Scale] = ((1e12, " TB"), (1e9, " GB"), (1e6, " MB"), (1e3, " kB"), (1, " B"))
_SECONDS: Final[_Scale] = (
    *((86400, " d"), (3600, " h"), (60, " min")),
    *((1, " s"), (1e-3, " ms"), (1e-6, " µs")),
)
_DURATIONS: Final = {"s": 1, "dtdurations": 1, "ms": 1e-3, "m": 60, "h": 3600, "d": 86400}
"""How many seconds each unit of a duration has."""
_ROUND: Final = (
    *(2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200),
    *(86400, 172800, 432000, 864000),
)
"""Seconds that people read easily on an axis."""
_FEW: Final = 4
_FLAT: Final = 1e-9
_LEAST: Final = 1e-12


def format_value(value: float, unit: str, decimals: int | None = None) -> str:
    """Returns a number as people read it: ``format_value(0.25, "s")`` is ``250 ms``.

    Args:
        value: the number; NaN is written as a dash.
        unit: Grafana's name of it.
        decimals: how many; None: as many as there is room for.
    """
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    known = FORMATS.get(unit)
    return known(value, decimals) if known else f"{digits(value, decimals)} {unit}"


def digits(value: float, decimals: int | None = None) -> str:
    """Returns a number with three significant digits, or with so many decimals."""
    if decimals is not None:
        return f"{value:.{decimals}f}"
    if value == 0:
        return "0"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(places, 9)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def ticks(low: float, high: float, unit: str) -> list[float]:
    """Returns round numbers from at or below ``low`` to at or above ``high``, for an axis."""
    span = high - low
    if span <= max(abs(low), abs(high)) * _FLAT + _LEAST:
        span = max(abs(low), abs(high)) if max(abs(low), abs(high)) > _LEAST else 1.0
    step = _step(span / _FEW, unit)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [each * step for each in range(first, max(last, first + 1) + 1)]


def _step(exact: float, unit: str) -> float:
    """Returns the next round number in the unit: a power of two for bytes, a round duration for times."""
    if unit in {"bytes", "binBps"}:
        return float(2 ** math.ceil(math.log2(exact)))
    length = exact * _DURATIONS.get(unit, 0)
    if length > 1:
        step = next((each for each in _ROUND if each >= length), math.ceil(length / _ROUND[-1]) * _ROUND[-1])
        return step / _DURATIONS[unit]
    power = 10.0 ** math.floor(math.log10(exact))
    return next(each * power for each in (1, 2, 5, 10) if each * power >= exact * (1 - 1e-9))


def _scaled(scale: _Scale, suffix: str = "", factor: float = 1) -> Callable[[float, int | None], str]:
    """Returns a format: the largest unit of the scale that is not larger than the value."""

    def written(value: float, decimals: int | None) -> str:
        exact = value * factor
        size, name = next((each for each in scale if abs(exact) >= each[0]), scale[-1])
        if exact == 0:
            size, name = next(each for each in scale if each[0] == 1)
        return f"{digits(exact / size, decimals)}{name}{suffix}"

    return written


def _followed(by: str) -> Callable[[float, int | None], str]:
    return _scaled(_SHORT, by)


def _percent(factor: float) -> Callable[[float, int | None], str]:
    return lambda value, decimals: f"{digits(value * factor, decimals)}%"


def _moment(value: float, _: int | None) -> str:
    return datetime.fromtimestamp(value / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


FORMATS: Final = {
    "none": digits,
    "short": _scaled(_SHORT),
    "sishort": _scaled(_SHORT),
    "percent": _percent(1),
    "percentunit": _percent(100),
    "s": _scaled(_SECONDS),
    "dtdurations": _scaled(_SECONDS),
    "ms": _scaled(_SECONDS, factor=1e-3),
    "m": _scaled(_SECONDS, factor=60),
    "h": _scaled(_SECONDS, factor=3600),
    "d": _scaled(_SECONDS, factor=86400),
    "bytes": _scaled(_BINARY),
    "decbytes": _scaled(_DECIMAL),
    "binBps": _scaled(_BINARY, "/s"),
    "Bps": _scaled(_DECIMAL, "/s"),
    "reqps": _followed(" req/s"),
    "rps": _followed(" reads/s"),
    "wps": _followed(" writes/s"),
    "ops": _followed(" ops/s"),
    "cps": _followed("/s"),
    "pps": _followed(" packets/s"),
    "eps": _followed(" events/s"),
    "currencyUSD": lambda value, decimals: f"${digits(value, decimals)}",
    "currencyEUR": lambda value, decimals: f"€{digits(value, decimals)}",
    "dateTimeAsIso": _moment,
}
"""The units by Grafana's names."""
