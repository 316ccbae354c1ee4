"""The stable semantic conventions for the contrib instrumentations, which default to the old ones."""

from __future__ import annotations

import os
from typing import Final

VARIABLE: Final = "OTEL_SEMCONV_STABILITY_OPT_IN"
_WANTED: Final = ("http", "database")


def opt_in_to_stable() -> None:
    """Asks contrib instrumentations for stable names; must run before the first of them starts.

    With the old conventions the Host header of a client becomes a metric label, so this is not optional; what
    else the variable holds is kept.
    """
    held = [token.strip() for token in os.environ.get(VARIABLE, "").split(",") if token.strip()]
    kept = [token for token in held if token.partition("/")[0] not in _WANTED]  # `http/dup`, too
    os.environ[VARIABLE] = ",".join([*kept, *_WANTED])
