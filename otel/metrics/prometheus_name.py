"""A metric's name in Prometheus, by the rules of its OTLP receiver; our text output follows them, too.

Source: OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility"; the order of the rules is
that of github.com/prometheus/otlptranslator (1.0.0), which Prometheus uses.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from otel.metrics.declaration import Declaration, Kind

_UNITS: Final = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tibibytes",
    "KBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "1": "",
    "%": "percent",
}
_PER: Final = {
    "s": "second",
    "m": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
    "mo": "month",
    "y": "year",
}
_SEPARATORS: Final = re.compile(r"[^a-zA-Z0-9:]+")
_REMEMBERED: Final = 4096


def prometheus_name(declared: Declaration) -> str:
    """Returns the family name: a histogram's series add `_bucket`, `_count` and `_sum` to it."""
    name, _ = translated(declared.name, declared.unit, declared.kind)
    return f"{name}_total" if declared.kind == "counter" else name


@lru_cache(_REMEMBERED)
def translated(name: str, unit: str, kind: Kind) -> tuple[str, str]:
    """Returns a metric's name in Prometheus without a counter's `_total`, and the unit that the name ends in.

    The unit is empty if the name does not end in one.
    """
    words = [word for word in _SEPARATORS.split(name) if word]
    main, _, per = unit.partition("/")
    suffixes = [_unit_word(main, _UNITS)]
    if divisor := _unit_word(per, _PER):
        suffixes.append(f"per_{divisor}")
    words += [suffix for suffix in suffixes if suffix and suffix not in words]
    if kind == "counter":
        words = [word for word in words if word != "total"]
    if kind == "gauge" and unit == "1":
        words = [*(word for word in words if word != "ratio"), "ratio"]
        suffixes = ["ratio"]
    full = "_".join(words)
    ending = "_".join(filter(None, suffixes))
    return f"_{full}" if full[:1].isdigit() else full, ending if full.endswith(f"_{ending}") else ""


def _unit_word(unit: str, words: dict[str, str]) -> str:
    unit = unit.strip()
    if "{" in unit or "}" in unit:  # an annotation such as {request} is no unit
        return ""
    return _SEPARATORS.sub("_", words.get(unit, unit)).strip("_")
