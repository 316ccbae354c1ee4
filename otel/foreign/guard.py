"""The last line of defence: a failure to record telemetry is logged, and never reaches the caller."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any, Final, TypeVar, cast

_log: Final = logging.getLogger(__name__)
_Recording = TypeVar("_Recording", bound=Callable[..., Any])


def note_failure(what: str) -> None:
    """Logs that recording failed, with the error being handled; never raises."""
    with suppress(Exception):  # there is nowhere left to report it
        _log.warning("telemetry_failed: %s", what, exc_info=True)


def harmless(recording: _Recording) -> _Recording:
    """Makes a recording function log its failure and return None instead of raising."""

    @wraps(recording)
    def guarded(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - passed through
        try:
            return recording(*args, **options)
        except Exception:  # noqa: BLE001 - see above
            note_failure(recording.__qualname__)
            return None

    return cast("_Recording", guarded)
