"""Opts the contrib instrumentations in to the stable semantic conventions; they default to the old ones."""

from __future__ import annotations

import os
from typing import Final

VARIABLE: Final = "OTEL_SEMCONV_STABILITY_OPT_IN"
_WANTED: Final = ("http", "database")


def opt_in_to_stable() -> None:
    """Makes contrib instrumentations use stable names; must run before the first of them starts.

    Under the old conventions a client's Host header becomes a metric label, so this is not optional. The
    variable's other values are kept.
    """
    held = [token.strip() for token in os.environ.get(VARIABLE, "").split(",") if token.strip()]
    kept = [token for token in held if token.partition("/")[0] not in _WANTED]  # `http/dup` as well
    os.environ[VARIABLE] = ",".join([*kept, *_WANTED])
