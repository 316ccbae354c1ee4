"""What Alertmanager posts: its webhook's format, version 4, within bounds.

Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config. Members that a later
Alertmanager adds are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic.alias_generators import to_camel

from app.monitoring.alerts.life import Firing
from app.monitoring.parameters import near

MOST_ALERTS: Final = 500
"""More than ``max_alerts`` in alertmanager.yml, which cuts a group and says by how many."""
_MOST_TEXTS: Final = 64
_EXAMPLE_LABELS: Final = {"alertname": "LmsDown", "severity": "page", "service_name": "lms"}

_Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Label = Annotated[str, StringConstraints(max_length=4096)]
_Annotation = Annotated[str, StringConstraints(max_length=8192)]
_Labels = Annotated[dict[_Name, _Label], Field(max_length=_MOST_TEXTS, examples=[_EXAMPLE_LABELS])]
_Annotations = Annotated[
    dict[_Name, _Annotation],
    Field(max_length=_MOST_TEXTS, examples=[{"summary": "The learning platform does not answer"}]),
]
_Moment = Annotated[AwareDatetime, Field(json_schema_extra={"maxLength": 40})]
_Start = Annotated[_Moment, AfterValidator(near)]
_Status = Literal["firing", "resolved"]
_Address = Annotated[str, StringConstraints(max_length=4096)]


class _Shape(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


@dataclass(frozen=True, slots=True)
class Notice:
    """One alert of a notification: who was notified of it, and when that reached the platform."""

    firing: Firing
    receiver: str
    at: datetime
    resolved_at: datetime | None


class NotifiedAlert(_Shape):
    """An alert as Alertmanager tells of it."""

    status: _Status
    labels: _Labels = Field(min_length=1)
    annotations: _Annotations
    starts_at: _Start = Field(description="When it began to fire.", examples=["2026-01-05T09:00:00Z"])
    ends_at: _Moment = Field(
        description="When it ended; without meaning while it fires.", examples=["2026-01-05T09:10:00Z"]
    )
    generator_url: _Address = Field(
        default="", alias="generatorURL", description="Its expression in Prometheus.", examples=[""]
    )
    fingerprint: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$", max_length=16)] = Field(
        examples=["3f9ad2c4b1e05d6f"]
    )

    @field_validator("ends_at")
    @classmethod
    def _ended_in_our_time(cls, moment: datetime, others: ValidationInfo) -> datetime:
        # While it fires, it is Go's zero time.
        return near(moment) if others.data.get("status") == "resolved" else moment


class Notification(_Shape):
    """What Alertmanager posts when it notifies a receiver of a group of alerts (version 4)."""

    version: Literal["4"]
    group_key: Annotated[str, StringConstraints(max_length=32_768)] = Field(
        description="Identifies the group.", examples=['{}:{alertname="LmsDown"}']
    )
    truncated_alerts: int = Field(
        default=0, ge=0, le=1_000_000, description="Alerts of the group that are left out here."
    )
    status: _Status
    receiver: _Name = Field(
        description="Who was notified; `escalation-` begins the names of those who come later.",
        examples=["on-call"],
    )
    group_labels: _Labels
    common_labels: _Labels
    common_annotations: _Annotations
    external_url: _Address = Field(
        alias="externalURL", description="Where people open Alertmanager.", examples=["http://127.0.0.1:9093"]
    )
    alerts: list[NotifiedAlert] = Field(min_length=1, max_length=MOST_ALERTS)

    def notices(self, at: datetime) -> Iterator[Notice]:
        """Yields what it says of each alert; ``at`` is when it arrived."""
        for alert in self.alerts:
            firing = Firing(alert.fingerprint, alert.labels, alert.annotations, alert.starts_at)
            ended = alert.ends_at if alert.status == "resolved" else None
            yield Notice(firing, self.receiver, at, ended)
