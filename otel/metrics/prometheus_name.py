"""A metric's name in Prometheus, by the rules of its OTLP receiver and of our text output.

Source: OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility".
"""

from __future__ import annotations

import re
from typing import Final

from otel.metrics.declaration import Declaration

_UNITS: Final = {
    "s": "seconds",
    "ms": "milliseconds",
    "By": "bytes",
    "%": "percent",
}


def prometheus_name(declared: Declaration) -> str:
    """Returns the family name: a histogram's series add `_bucket`, `_count` and `_sum` to it."""
    name = re.sub(r"[^a-zA-Z0-9]+", "_", declared.name)
    unit = _UNITS.get(declared.unit, "")
    if declared.unit == "1" and declared.kind == "gauge":
        unit = "ratio"
    if unit and unit not in name.split("_"):
        name = f"{name}_{unit}"
    return f"{name}_total" if declared.kind == "counter" else name
