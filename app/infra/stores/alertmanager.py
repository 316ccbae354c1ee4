"""Alertmanager, asked and changed through its HTTP API (v2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel

from app.infra.stores.client import StoreClient, StoreUnavailable

_NOT_FOUND: Final = 404


class _Shape(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class AlertStatus(_Shape):
    """Whether an alert reaches people: ``suppressed`` by silences or by other alerts, by their ids."""

    state: Literal["active", "suppressed", "unprocessed"]
    silenced_by: list[str]
    inhibited_by: list[str]
    muted_by: list[str] = []


class Receiver(_Shape):
    """Whom Alertmanager notifies."""

    name: str


class Alert(_Shape):
    """An alert that fires; ``receivers`` are those that its routes lead to, notified or not."""

    fingerprint: str
    labels: dict[str, str]
    annotations: dict[str, str]
    status: AlertStatus
    starts_at: datetime
    updated_at: datetime
    ends_at: datetime
    generator_url: str = Field(default="", alias="generatorURL")
    receivers: list[Receiver] = []


class Matcher(_Shape):
    """A condition on a label of alerts."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    def may_fit(self, labels: Mapping[str, str]) -> bool:
        """Tells whether it may fit an alert with these ``labels``: a regular expression always may."""
        return self.is_regex or (labels.get(self.name, "") == self.value) == self.is_equal


class SilenceState(StrEnum):
    """Where a silence is in its life."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


class SilenceStatus(_Shape):
    """The state of a silence."""

    state: SilenceState


class NewSilence(_Shape):
    """A silence to be created."""

    matchers: list[Matcher]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str


class Silence(NewSilence):
    """A silence: alerts that fit all its matchers reach nobody between its two times."""

    id: str
    status: SilenceStatus
    updated_at: datetime

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Tells whether it surely fits an alert with these ``labels``: it has no regular expression."""
        return all(not each.is_regex and each.may_fit(labels) for each in self.matchers)


class _Created(_Shape):
    silence_id: str = Field(alias="silenceID")


_ALERTS: Final = TypeAdapter(list[Alert])
_SILENCES: Final = TypeAdapter(list[Silence])
_SILENCE: Final = TypeAdapter(Silence)
_CREATED: Final = TypeAdapter(_Created)


class Alertmanager:
    """The alerts that fire now, and the silences."""

    def __init__(self, client: StoreClient) -> None:
        self.source = client.source
        self._client = client

    async def alerts(self) -> list[Alert]:
        """Returns all alerts that fire, silenced and inhibited ones too.

        Raises:
            StoreUnavailable: Alertmanager does not answer.
        """
        return await self._client.get(_ALERTS, "/api/v2/alerts")

    async def silences(self) -> list[Silence]:
        """Returns all silences, those that have expired (Alertmanager keeps them for five days) too.

        Raises:
            StoreUnavailable: Alertmanager does not answer.
        """
        return await self._client.get(_SILENCES, "/api/v2/silences")

    async def silence(self, silence_id: UUID) -> Silence | None:
        """Returns the silence of this id, if there is one.

        Raises:
            StoreUnavailable: Alertmanager does not answer.
        """
        try:
            return await self._client.get(_SILENCE, f"/api/v2/silence/{silence_id}")
        except StoreUnavailable as error:
            if error.answered == _NOT_FOUND:
                return None
            raise

    async def create(self, silence: NewSilence) -> str:
        """Creates the silence and returns its id.

        Raises:
            StoreUnavailable: Alertmanager does not answer, or refuses it (``answered`` is then 400).
        """
        body = silence.model_dump_json(by_alias=True).encode()
        headers = {"Content-Type": "application/json"}
        answer = await self._client.exchange("POST", "/api/v2/silences", content=body, headers=headers)
        return self._client.read(_CREATED, answer).silence_id

    async def expire(self, silence_id: UUID) -> None:
        """Ends a silence now.

        Raises:
            StoreUnavailable: Alertmanager does not answer, or does not know it (``answered`` is then 404).
        """
        await self._client.exchange("DELETE", f"/api/v2/silence/{silence_id}")
