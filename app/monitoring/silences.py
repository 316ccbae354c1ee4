"""Silences: who keeps which alerts from people, why, and until when."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Final, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, status
from pydantic import BaseModel, Field, StringConstraints, field_validator

from app.core.errors import Conflict, CursorInvalid, FieldError, Invalid, NotFound
from app.http.audit import Audit
from app.infra.stores import StoreNotConfigured, StoreUnavailable
from app.infra.stores.alertmanager import Matcher, NewSilence, Silence, SilenceState
from app.monitoring.asked import AskedAlertmanager, AskedStores, Now
from app.monitoring.log_cursor import question_of
from app.monitoring.operators import NamedAdmin, admins_or, operators_or
from app.monitoring.pages import LONGEST_CURSOR, page
from app.monitoring.parameters import DurationText, at_most
from app.monitoring.partial import Partial, Sources

LONGEST_SILENCE: Final = timedelta(days=30)
MAX_LIMIT: Final = 200
CHANGES: Final = (StoreUnavailable, StoreNotConfigured)
WATCHDOG: Final = "Watchdog"
"""The alert that always fires: something outside of the stack notices when it falls silent."""
_ALERTNAME: Final = "alertname"
_BAD_REQUEST: Final = 400

Comment = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
SilenceDuration = Annotated[DurationText, at_most(LONGEST_SILENCE)]


SilenceId = Annotated[
    UUID, Path(examples=["5dc5a9cc-6ef4-4ef2-b26b-8a0b5a5a8c9e"], json_schema_extra={"maxLength": 45})
]


class SilenceNotFound(NotFound):
    """There is no silence with this id that could be ended."""

    code = "silence_not_found"
    title = "Silence not found"
    sentence = "There is no silence {silence} that could be ended."
    example: ClassVar[Mapping[str, Any]] = {"silence": "5dc5a9cc-6ef4-4ef2-b26b-8a0b5a5a8c9e"}


class SilenceRefused(Invalid):
    """Alertmanager refuses the silence."""

    code = "silence_refused"
    title = "Silence refused"
    sentence = "Alertmanager refuses this silence; see errors."


class WatchdogKept(Conflict):
    """The silence would silence the Watchdog, which proves that alerting works."""

    code = "watchdog_not_silenced"
    title = "The Watchdog is not silenced"
    sentence = (
        f"{WATCHDOG} always fires, and people learn from its silence that alerting is broken. It cannot be "
        f'acknowledged; a silence that would fit it needs the matcher alertname!="{WATCHDOG}".'
    )


class MatcherIn(BaseModel):
    """A condition on a label of alerts."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)] = Field(
        description="The label.", examples=["alertname"]
    )
    value: Annotated[str, StringConstraints(max_length=500)] = Field(examples=["LmsDown"])
    is_regex: bool = Field(
        default=False, description="Whether `value` is a regular expression (RE2) of all of it."
    )
    is_equal: bool = Field(default=True, description="False: alerts that differ.")

    @property
    def is_exact(self) -> bool:
        """Whether it picks alerts by one value."""
        return self.is_equal and not self.is_regex and bool(self.value)

    def text(self) -> str:
        """Returns it as Alertmanager writes it: ``severity="page"``."""
        operator = {(True, False): "=", (False, False): "!=", (True, True): "=~", (False, True): "!~"}
        return f'{self.name}{operator[self.is_equal, self.is_regex]}"{self.value}"'


class MatcherOut(BaseModel):
    """A condition on a label of alerts. Other programs' may be ones that `MatcherIn` refuses."""

    name: str = Field(description="The label.", examples=["alertname"])
    value: str = Field(examples=["LmsDown"])
    is_regex: bool = Field(description="Whether `value` is a regular expression (RE2) of all of it.")
    is_equal: bool = Field(description="False: alerts that differ.")


class SilenceIn(BaseModel):
    """Keeps alerts from people for a time; every matcher must fit."""

    matchers: list[MatcherIn] = Field(min_length=1, max_length=20)
    comment: Comment = Field(description="Why.", examples=["The database moves until noon."])
    duration: SilenceDuration = Field(description="How long, at most 30d.", examples=["2h"])

    @field_validator("matchers")
    @classmethod
    def _picks(cls, matchers: list[MatcherIn]) -> list[MatcherIn]:
        if not any(matcher.is_exact for matcher in matchers):
            raise ValueError("at least one must name a label's exact value, or too much is silenced")
        return matchers


class SilenceOut(BaseModel):
    """A silence."""

    id: str = Field(examples=["5dc5a9cc-6ef4-4ef2-b26b-8a0b5a5a8c9e"])
    state: SilenceState
    matchers: list[MatcherOut]
    created_by: str = Field(description="The admin's user id.", examples=["usr_3f1c9a0b2d4e5f607182"])
    comment: str = Field(description="Why.", examples=["The database moves until noon."])
    starts_at: datetime
    ends_at: datetime

    @classmethod
    def of(cls, silence: Silence) -> Self:
        """Returns ``silence`` as it is shown."""
        return cls.model_validate(silence.model_dump() | {"state": silence.status.state})


class SilencesOut(Partial):
    """A page of silences: those that end first come first."""

    silences: list[SilenceOut]
    next_cursor: str | None = Field(description="For the next page; null at the end.", examples=[None])


class SilenceFilters(BaseModel):
    """Which silences to list."""

    state: SilenceState | None = Field(None, description="Default: pending and active ones.")
    cursor: Annotated[str, StringConstraints(max_length=LONGEST_CURSOR)] | None = Field(
        None,
        description="`next_cursor` of the previous page, with the same filters.",
        examples=["WyI1ZjJjIiwiMjAyNi0wMS0wNVQwOTowMDowMCswMDowMCIsIjVkYzVhOWNjIl0"],
    )
    limit: int = Field(50, ge=1, le=MAX_LIMIT, description="Silences per page.")

    def fits(self, silence: Silence) -> bool:
        """Tells whether the silence is one of those."""
        if self.state is None:
            return silence.status.state != SilenceState.EXPIRED
        return silence.status.state == self.state


class Silencer:
    """Creates silences in an admin's name."""

    def __init__(self, admin: NamedAdmin, alertmanager: AskedAlertmanager, audit: Audit, clock: Now) -> None:
        self.alertmanager = alertmanager
        self._admin = admin
        self._audit = audit
        self._now = clock.now()

    def audited(
        self, action: str, target: str, comment: str, duration: timedelta
    ) -> AbstractAsyncContextManager[None]:
        """Records what the block does, with its outcome."""
        until = (self._now + duration).isoformat()
        return self._audit.attempt(action, target, comment=comment, until=until)

    async def create(self, matchers: list[Matcher], comment: str, duration: timedelta) -> SilenceOut:
        """Creates a silence that starts now, and returns it.

        Raises:
            WatchdogKept: It would silence the Watchdog.
            SilenceRefused: Alertmanager refuses it.
            StoreUnavailable: Alertmanager does not answer.
        """
        await self._spare_the_watchdog(matchers)
        silence = NewSilence(
            matchers=matchers,
            starts_at=self._now,
            ends_at=self._now + duration,
            created_by=self._admin.id,
            comment=comment,
        )
        try:
            silence_id = await self.alertmanager.create(silence)
        except StoreUnavailable as error:
            if error.answered != _BAD_REQUEST:
                raise
            mistake = FieldError("body.matchers", f"Alertmanager {error.reason}", "silence_refused")
            raise SilenceRefused(count=1, errors=(mistake,)) from None
        facts = silence.model_dump() | {"id": silence_id, "state": SilenceState.ACTIVE}
        return SilenceOut.model_validate(facts)

    async def _spare_the_watchdog(self, matchers: list[Matcher]) -> None:
        named = {_ALERTNAME: WATCHDOG}
        firing = [
            each.labels for each in await self.alertmanager.alerts() if named.items() <= each.labels.items()
        ]
        if any(all(matcher.may_fit(labels) for matcher in matchers) for labels in firing or [named]):
            raise WatchdogKept


InOnesName = Annotated[Silencer, Depends()]


router = APIRouter(prefix="/silences")


@router.get("", **operators_or(CursorInvalid))
async def silences(filters: Annotated[SilenceFilters, Query()], stores: AskedStores) -> SilencesOut:
    """Lists the silences, from Alertmanager."""
    sources = Sources()
    if stores.alertmanager is None:
        sources.not_configured("alertmanager")
    found = await sources.ask(stores.alertmanager.silences(), []) if stores.alertmanager else []
    chosen = filter(filters.fits, found)
    listed = page(chosen, _key, question_of([filters.state]), filters.cursor, filters.limit)
    shown = [SilenceOut.of(each) for each in listed.items]
    return SilencesOut(silences=shown, next_cursor=listed.next_cursor, **dict(sources.account()))


@router.post("", status_code=status.HTTP_201_CREATED, **admins_or(*CHANGES, SilenceRefused, WatchdogKept))
async def silence(wanted: SilenceIn, silencer: InOnesName) -> SilenceOut:
    """Keeps alerts from people for a time."""
    matchers = [Matcher(**matcher.model_dump()) for matcher in wanted.matchers]
    target = ", ".join(matcher.text() for matcher in wanted.matchers)
    async with silencer.audited("silence_created", target, wanted.comment, wanted.duration):
        return await silencer.create(matchers, wanted.comment, wanted.duration)


@router.delete(
    "/{silence_id}", status_code=status.HTTP_204_NO_CONTENT, **admins_or(*CHANGES, SilenceNotFound)
)
async def end(silence_id: SilenceId, alertmanager: AskedAlertmanager, audit: Audit) -> None:
    """Ends a silence."""
    found = await alertmanager.silence(silence_id)
    if found is None or found.status.state == SilenceState.EXPIRED:
        raise SilenceNotFound(silence=silence_id)
    async with audit.attempt("silence_ended", str(silence_id)):
        await alertmanager.expire(silence_id)


def _key(each: Silence) -> tuple[str, str]:
    return each.ends_at.isoformat(), each.id
