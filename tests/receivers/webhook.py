"""Somebody's own service that takes Alertmanager's webhook, version 4, optionally with a bearer token."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from tests.receivers.endpoint import Endpoint, Reply, Request

Status = Literal["firing", "resolved"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Alert(_Strict):
    status: Status
    labels: dict[str, str]
    annotations: dict[str, str]
    started: Annotated[datetime, Field(alias="startsAt")]
    ended: Annotated[datetime, Field(alias="endsAt")]
    generator: Annotated[str, Field(alias="generatorURL")]
    fingerprint: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]

    @property
    def name(self) -> str:
        """The alert's name."""
        return self.labels["alertname"]

    @model_validator(mode="after")
    def _ended_after_its_start(self) -> Self:
        if self.status == "resolved" and self.ended < self.started:
            raise ValueError("it ended before it started")
        if "alertname" not in self.labels:
            raise ValueError("it has no name")
        return self


class Notification(_Strict):
    """One notification, as in prometheus.io/docs/alerting/latest/configuration/#webhook_config."""

    version: Literal["4"]
    group_key: Annotated[str, Field(alias="groupKey", min_length=1)]
    truncated: Annotated[int, Field(alias="truncatedAlerts", ge=0)]
    status: Status
    receiver: Annotated[str, Field(min_length=1)]
    group_labels: Annotated[dict[str, str], Field(alias="groupLabels")]
    common_labels: Annotated[dict[str, str], Field(alias="commonLabels")]
    common_annotations: Annotated[dict[str, str], Field(alias="commonAnnotations")]
    external_url: Annotated[str, Field(alias="externalURL")]
    alerts: Annotated[list[Alert], Field(min_length=1)]

    @model_validator(mode="after")
    def _agrees_with_its_alerts(self) -> Self:
        firing = any(each.status == "firing" for each in self.alerts)
        if firing != (self.status == "firing"):
            raise ValueError(f"the status is {self.status}, but its alerts are not")
        if any(not self.common_labels.items() <= each.labels.items() for each in self.alerts):
            raise ValueError("a common label is not common")
        return self


class Webhook(Endpoint):
    """Takes notifications at any path; with ``token`` it refuses requests without that bearer token."""

    def __init__(self, token: str | None = None) -> None:
        super().__init__()
        self.notifications: list[Notification] = []
        self._token = token

    def judge(self, request: Request) -> Reply:
        """Answers 200 to a notification, 401 without the token and 400 to anything else."""
        if request.method != "POST":
            return self.refuse(f"{request.method} {request.path}", Reply(405))
        if self._token and request.headers.get("authorization") != f"Bearer {self._token}":
            return self.refuse("the bearer token is wrong or missing", Reply(401, "unauthorized"))
        if request.headers.get("content-type") != "application/json":
            return self.refuse(f"sent as {request.headers.get('content-type')}", Reply(415))
        try:
            notification = Notification.model_validate_json(request.body)
        except ValidationError as error:
            return self.refuse(str(error), Reply(400, "not a notification"))
        self.notifications.append(notification)
        return Reply(200)

    def alerts(self, name: str) -> list[Alert]:
        """Returns each occurrence of an alert in the notifications so far."""
        return [
            each
            for notification in list(self.notifications)
            for each in notification.alerts
            if each.name == name
        ]
