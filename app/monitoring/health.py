"""The platform's health as ``application/health+json`` (draft-inadarei-api-health-check-06)."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from app.monitoring.health_check import Status

__all__ = ["Component", "Entry", "Health", "LastError", "Status"]


class _Document(BaseModel):
    # Names as in the draft, which this media type means.
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class LastError(_Document):
    """The last time that a check found its dependency not working."""

    type: str = Field(
        description="Type of the error, the status that was answered, or the measurement that failed.",
        examples=["ServerSelectionTimeoutError"],
    )
    time: datetime


class Component(_Document):
    """One check's verdict; its measurements are in ``checks``."""

    status: Status
    critical: bool = Field(description="Whether the platform cannot serve without it.")
    latency_ms: float = Field(description="How long the last run took.", examples=[3.1])
    since: datetime = Field(description="Since when it has this status.")
    checked_at: datetime = Field(description="When the last run ended.")
    last_result: Status = Field(
        description="What the last run found; the status follows when enough runs agree."
    )
    last_success: datetime | None = Field(default=None, description="When a run last found nothing wrong.")
    last_error: LastError | None = None
    output: str | None = Field(default=None, description="What is wrong.", examples=[None])
    recommendation: str | None = Field(default=None, description="What to do next.", examples=[None])
    runbook: str | None = Field(
        default=None, description="Where the repository explains more.", examples=[None]
    )


class Entry(_Document):
    """One measurement of a check."""

    component_id: str = Field(description="The check, as in ``components``.", examples=["mongodb"])
    component_type: str = Field(examples=["datastore"])
    observed_value: float | str = Field(examples=[1.2])
    observed_unit: str | None = Field(default=None, examples=["ms"])
    status: Status
    time: datetime = Field(description="When it was measured.")
    output: str | None = Field(default=None, description="What is wrong.", examples=[None])


class Health(_Document):
    """The platform's health; only operators see more than the status."""

    status: Status
    decided_by: str | None = Field(
        default=None, description="The check that decided the status; null if all pass.", examples=[None]
    )
    output: str | None = Field(default=None, description="What is wrong with it.", examples=[None])
    recommendation: str | None = Field(default=None, description="What to do next.", examples=[None])
    runbook: str | None = Field(default=None, examples=[None])
    release_id: str | None = Field(default=None, examples=["0.1.0"])
    service_id: str | None = Field(
        default=None,
        description="Each process has its own checks: the one that answered.",
        examples=["lms-1-0"],
    )
    unchecked: list[str] | None = Field(
        default=None, description="Checks that have not run yet since the start.", examples=[[]]
    )
    components: dict[str, Component] | None = Field(default=None, description="Each check's verdict.")
    checks: dict[str, list[Entry]] | None = Field(
        default=None, description="Each measurement, by check and name, such as mongodb:responseTime."
    )

    def text(self) -> str:
        """Returns it as JSON, without what is unknown."""
        return self.model_dump_json(by_alias=True, exclude_none=True)
