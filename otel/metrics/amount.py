"""Measurable amounts: finite numbers that OTLP and the Prometheus text format can carry."""

from __future__ import annotations

import math
import operator
from typing import Any, Final

from otel.encodable import INTEGER_END

UNUSUAL: Final = INTEGER_END
"""Amounts from here up take the slow, checked path of an instrument."""


def number_of(amount: Any) -> int | float | None:  # noqa: ANN401 - whatever a caller passes
    """Converts any amount to a plain number: an int of at most 64 bits, else a float; None if not a number.

    Decimals, fractions and numpy numbers count as numbers, texts do not. The float may be infinite or NaN.
    """
    kind = type(amount)
    try:
        if hasattr(kind, "__index__"):
            whole = operator.index(amount)
            return whole if -UNUSUAL <= whole < UNUSUAL else _as_float(whole)
        return float(amount) if hasattr(kind, "__float__") else None
    except Exception:  # noqa: BLE001 - converting a foreign type may raise anything
        return None


def _as_float(whole: int) -> float:
    try:
        return float(whole)
    except OverflowError:
        return math.inf if whole > 0 else -math.inf
