"""Reports unhandled errors once `start_reports` has found a DSN; importable without sentry-sdk."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol, TypedDict

from otel.config.env_settings import ConfigError
from otel.context import RequestContext

if TYPE_CHECKING:
    from sentry_sdk.transport import Transport

    from otel.config.settings import TelemetryConfig
    from otel.errors.sentry import SentryHandle
    from otel.redaction.engine import Redactor


class ErrorReportsView(TypedDict):
    """Counts error reports: those captured, and those dropped by reason.

    After shutdown captured = sent + dropped, except for `filtered`: those are not errors, so not captured.
    """

    captured: int
    dropped: dict[str, int]


class ErrorReports(Protocol):
    """The client of the error tracker."""

    @property
    def captured(self) -> int:
        """Returns how many reports were captured."""
        ...

    def forget(self) -> None:
        """Resets all counts, as a forked child must."""
        ...

    def flush(self, seconds: float) -> bool:
        """Waits up to `seconds` until queued reports are sent or lost; returns True if none is left."""
        ...

    def dropped(self) -> dict[str, int]:
        """Returns how many reports were lost, by reason."""
        ...


_Capture = Callable[[BaseException, RequestContext | None], str | None]
_capture: _Capture | None = None


def capture(error: BaseException, request: RequestContext | None) -> str | None:
    """Reports an unhandled error and its request; returns the event's id, or None if it was not captured.

    Does nothing until `start_reports` has found a DSN. Never raises.
    """
    return None if _capture is None else _capture(error, request)


def start_reports(
    config: TelemetryConfig, redactor: Redactor, *, transport: Transport | None = None
) -> SentryHandle | None:
    """Starts error reporting if `SENTRY_DSN` is set; returns its handle, or None without a DSN.

    Raises:
        ConfigError: `SENTRY_DSN` is set and sentry-sdk is not installed.
        sentry_sdk.utils.BadDsn: The DSN is malformed.
    """
    global _capture  # noqa: PLW0603 - one reporter per process, as in sentry-sdk
    if not config.sentry_dsn:
        return None
    if find_spec("sentry_sdk") is None:
        remedy = "remove it, or install the package: pip install 'stegmaier-otel[sentry]'"
        raise ConfigError("SENTRY_DSN", f"SENTRY_DSN is set, but sentry-sdk is not installed: {remedy}")
    from otel.errors import sentry  # noqa: PLC0415 - an optional dependency

    _capture = sentry.capture
    return sentry.configure_sentry(config, redactor, transport=transport)
