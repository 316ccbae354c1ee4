"""The one call that reports an unhandled error, and what starts it; without sentry-sdk it does nothing."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol, TypedDict

from otel.config.variables import ConfigError
from otel.context import RequestContext

if TYPE_CHECKING:
    from sentry_sdk.transport import Transport

    from otel.config.settings import TelemetryConfig
    from otel.errors.sentry import SentryHandle
    from otel.redaction.engine import Redactor


class ErrorReportsView(TypedDict):
    """Error reports that the client has taken, and those that were lost, by reason.

    After the end captured = sent + dropped, but for `filtered`, which are no errors and were not taken.
    """

    captured: int
    dropped: dict[str, int]


class ErrorReports(Protocol):
    """The client of the error tracker."""

    @property
    def captured(self) -> int:
        """Counts the reports that it has taken."""
        ...

    def forget(self) -> None:
        """Starts to count from nothing, as a forked child must."""
        ...

    def flush(self, seconds: float) -> bool:
        """Waits until what is queued has left or is lost, `seconds` at most; True if nothing is left."""
        ...

    def dropped(self) -> dict[str, int]:
        """Counts the reports that were lost, by reason."""
        ...


_Capture = Callable[[BaseException, RequestContext | None], str | None]
_capture: _Capture | None = None


def capture(error: BaseException, request: RequestContext | None) -> str | None:
    """Reports an unhandled error with what is known of its request; returns the event's id if it was taken.

    Does nothing until `start_reports` found a DSN. Never raises.
    """
    return None if _capture is None else _capture(error, request)


def start_reports(
    config: TelemetryConfig, redactor: Redactor, *, transport: Transport | None = None
) -> SentryHandle | None:
    """Starts error reports if `SENTRY_DSN` is set; returns their handle, or None without a DSN.

    Raises:
        ConfigError: `SENTRY_DSN` is set and sentry-sdk is not installed.
        sentry_sdk.utils.BadDsn: The DSN is malformed.
    """
    global _capture  # noqa: PLW0603 - one reporter per process, as in sentry-sdk
    if not config.sentry_dsn:
        return None
    if find_spec("sentry_sdk") is None:
        installed = "no value, or the package sentry-sdk: pip install 'stegmaier-otel[sentry]'"
        raise ConfigError("SENTRY_DSN", "(not shown)", installed)
    from otel.errors import sentry  # noqa: PLC0415 - an optional dependency

    _capture = sentry.capture
    return sentry.configure_sentry(config, redactor, transport=transport)
