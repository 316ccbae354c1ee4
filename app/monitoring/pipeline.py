"""What happened to this process's telemetry; the process reports it even while the Collector is down."""

from __future__ import annotations

from pydantic import BaseModel, Field

import otel
from app.infra.rate_limits import LimiterState
from app.monitoring.limiter_state import LimiterOut


class SignalOut(BaseModel):
    """One signal's account: produced = exported + dropped + pending."""

    produced: int = Field(examples=[1000])
    exported: int = Field(description="Accepted by the receiver.", examples=[980])
    dropped: dict[str, int] = Field(
        description="Lost, by reason: queue_full, export_failed, unencodable, shutdown, already_shutdown.",
        examples=[{"queue_full": 12}],
    )
    pending: int = Field(description="Queued or in flight.", examples=[8])


class ErrorReportsOut(BaseModel):
    """Reports to the error tracker."""

    captured: int = Field(description="Handed to the client.", examples=[3])
    dropped: dict[str, int] = Field(
        description="Of these and of those that were no errors, by the client's reason.",
        examples=[{"filtered": 1}],
    )


class TelemetryOut(BaseModel):
    """The telemetry of the process that answered; every worker reports its own."""

    instance: str = Field(description="Its service.instance.id.", examples=["lms-1-0"])
    signals: dict[str, SignalOut] = Field(description="traces, metrics (data points), logs.")
    errors: ErrorReportsOut | None = Field(description="Null without a SENTRY_DSN.")
    limiter: LimiterOut = Field(description="The rate limiter, whose decisions are metrics.")

    @staticmethod
    def signals_of(telemetry: otel.Telemetry) -> dict[str, SignalOut]:
        """Returns the accounts of the signals."""
        return {name: SignalOut.model_validate(view) for name, view in telemetry.accounting().items()}

    @classmethod
    def of(cls, telemetry: otel.Telemetry, limiter: LimiterState) -> TelemetryOut:
        """Returns the current accounts of ``telemetry``, and the limiter's state."""
        reports = telemetry.error_reports()
        return cls(
            instance=telemetry.instance,
            signals=cls.signals_of(telemetry),
            errors=None if reports is None else ErrorReportsOut.model_validate(reports),
            limiter=LimiterOut.of(limiter),
        )
