"""What can be measured: a finite number in a form that OTLP and the Prometheus text can carry."""

from __future__ import annotations

import math
import operator
from typing import Any, Final

from otel.encodable import INTEGER_END

PLAIN_NUMBERS: Final = frozenset({int, float})
"""The types of amounts that are recorded without a look at them, if their size is usual."""

UNUSUAL: Final = INTEGER_END
"""An instrument takes a second look at this amount and at all larger ones."""


def number_of(amount: Any) -> int | float | None:  # noqa: ANN401 - whatever a caller gives
    """Returns any amount as a plain number: an integer of at most 64 bits, else a float; None if it is none.

    Decimals, fractions and the numbers of numpy are numbers, texts are not. The float may be infinite or NaN.
    """
    kind = type(amount)
    try:
        if hasattr(kind, "__index__"):
            whole = operator.index(amount)
            return whole if -UNUSUAL <= whole < UNUSUAL else _as_float(whole)
        return float(amount) if hasattr(kind, "__float__") else None
    except Exception:  # noqa: BLE001 - the conversion of a foreign type may raise what it likes
        return None


def _as_float(whole: int) -> float:
    try:
        return float(whole)
    except OverflowError:
        return math.inf if whole > 0 else -math.inf
