"""What is recorded of an alert: one document for each time that it fires, with all that happened to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict

from app.core.records import Record
from app.http.storable import storable

MOST_TRANSITIONS: Final = 100
MOST_COMMENTS: Final = 50
TEST_LABEL: Final = "test"
"""``test="true"``: sent on purpose, to try the channels."""
ESCALATION: Final = "escalation-"
"""How the names of receivers begin that are notified because nobody acted."""
_LONGEST_TEXT: Final = 4096
_MOST_TEXTS: Final = 64

_Plain = Annotated[str, BeforeValidator(storable)]
"""Text that others wrote, as a database can store it."""


class Kind(StrEnum):
    """What happens to an alert."""

    PENDING = "pending"
    FIRING = "firing"
    NOTIFIED = "notified"
    ESCALATED = "escalated"
    SILENCED = "silenced"
    ACKNOWLEDGED = "acknowledged"
    SILENCE_ENDED = "silence_ended"
    INHIBITED = "inhibited"
    INHIBITION_ENDED = "inhibition_ended"
    RESOLVED = "resolved"
    RESOLUTION_SENT = "resolution_sent"


class Source(StrEnum):
    """Whose clock a time is from."""

    PROMETHEUS = "prometheus"
    ALERTMANAGER = "alertmanager"
    PLATFORM = "platform"


class AlertState(StrEnum):
    """Where an alert is in its life; of several that apply, the first one here counts."""

    RESOLVED = "resolved"
    ACKNOWLEDGED = "acknowledged"
    SILENCED = "silenced"
    INHIBITED = "inhibited"
    ACTIVE = "active"
    PENDING = "pending"


class CauseKind(StrEnum):
    """What kind of thing caused an incident."""

    CHANGE = "change"
    CAPACITY = "capacity"
    DEFECT = "defect"
    DEPENDENCY = "dependency"
    ATTACK = "attack"
    FALSE_ALARM = "false_alarm"
    OTHER = "other"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Transition(_Part):
    """One step of an alert's life.

    ``reference`` is what did it: a receiver, a silence's id, or the fingerprint of the alert that explains
    this one. ``by`` and ``why`` are a silence's author and comment. ``said`` is false until it is announced.
    """

    kind: Kind
    at: datetime
    source: Source
    reference: _Plain | None = None
    by: _Plain | None = None
    why: _Plain | None = None
    until: datetime | None = None
    said: bool = True

    @property
    def key(self) -> tuple[Kind, str | None]:
        """What makes a second one of the same kind another step, for kinds that happen once per reference."""
        return self.kind, self.reference


class Text(_Part):
    """A label or an annotation."""

    name: _Plain
    value: _Plain


class Note(_Part):
    """What an admin wrote about an alert."""

    at: datetime
    by: str
    text: str


class Cause(_Part):
    """Why it came to the incident, found afterwards."""

    at: datetime
    by: str
    kind: CauseKind
    text: str


class AlertRecord(Record):
    """An alert, from the moment when it fired.

    The id is the moment and the fingerprint, so it sorts by time and is the same whoever records the alert.
    Labels and annotations are no map, because a label's name may contain a dot. ``version`` counts changes.
    ``is_said`` is false while a step is not announced. ``omitted`` steps were left out, all of them not after
    ``cut_until``.
    """

    fingerprint: str
    alertname: _Plain
    severity: _Plain
    service_name: _Plain
    owner: _Plain
    is_test: bool
    is_open: bool
    month: str
    labels: tuple[Text, ...]
    annotations: tuple[Text, ...]
    started_at: datetime
    resolved_at: datetime | None = None
    flapping: bool = False
    transitions: tuple[Transition, ...]
    is_said: bool = True
    omitted: int = 0
    cut_until: datetime | None = None
    comments: tuple[Note, ...] = ()
    cause: Cause | None = None
    version: int = 1

    def first(self, *kinds: Kind) -> datetime | None:
        """Returns when the first step of one of these kinds happened."""
        return min((each.at for each in self.transitions if each.kind in kinds), default=None)

    @property
    def notified_at(self) -> datetime | None:
        """When somebody was first notified."""
        return self.first(Kind.NOTIFIED, Kind.ESCALATED)

    @property
    def acknowledged_at(self) -> datetime | None:
        """When somebody first acted on it."""
        return self.first(Kind.ACKNOWLEDGED)

    @property
    def state(self) -> AlertState:
        """Where it is in its life."""
        if not self.is_open:
            return AlertState.RESOLVED
        for state, kind in (
            (AlertState.ACKNOWLEDGED, Kind.ACKNOWLEDGED),
            (AlertState.SILENCED, Kind.SILENCED),
            (AlertState.INHIBITED, Kind.INHIBITED),
        ):
            if self.current(kind):
                return state
        return AlertState.ACTIVE

    def current(self, kind: Kind) -> frozenset[str]:
        """Returns what silences or inhibits it now, by reference."""
        end = Kind.INHIBITION_ENDED if kind is Kind.INHIBITED else Kind.SILENCE_ENDED
        ended: set[str | None] = set()
        begun: set[str | None] = set()
        for each in self.transitions:
            if each.kind is kind:
                begun.add(each.reference)
                ended.discard(each.reference)
            if each.kind is end:
                ended.add(each.reference)
        return frozenset(name for name in begun - ended if name is not None)


def stamp(moment: datetime) -> str:
    """Returns a moment as text that sorts as time does, to the millisecond."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y%m%dt%H%M%S}{utc.microsecond // 1000:03d}"


def month_of(moment: datetime) -> str:
    """Returns the month of a moment: ``2026-11``."""
    return f"{moment.astimezone(UTC):%Y-%m}"


def record_id(fingerprint: str, started_at: datetime) -> str:
    """Returns the id of the record of an alert that fired at a moment."""
    return f"{stamp(started_at)}-{fingerprint}"


def milliseconds(moment: datetime) -> datetime:
    """Returns a moment in whole milliseconds, the database's resolution."""
    return moment.astimezone(UTC).replace(microsecond=moment.microsecond // 1000 * 1000)


def is_test(labels: Mapping[str, str]) -> bool:
    """Tells whether an alert was sent on purpose, to try the channels."""
    return labels.get(TEST_LABEL) == "true"


def stored(texts: Mapping[str, str]) -> tuple[Text, ...]:
    """Returns labels or annotations as they are stored: at most 64, the longest texts cut."""
    first = sorted(texts.items())[:_MOST_TEXTS]
    return tuple(Text(name=name, value=value[:_LONGEST_TEXT]) for name, value in first)


def shown(texts: Iterable[Text]) -> dict[str, str]:
    """Returns stored labels or annotations by name."""
    return {each.name: each.value for each in texts}


def fingerprint_of(labels: Mapping[str, str]) -> str:
    """Returns Alertmanager's identifier of an alert with these labels.

    It is FNV-1a (64 bits) over the sorted names and values, with 0xFF after each
    (github.com/prometheus/common/model, ``LabelSet.Fingerprint``).
    """
    total = 14695981039346656037
    for name in sorted(labels):
        for byte in b"%b\xff%b\xff" % (name.encode(), labels[name].encode()):
            total = (total ^ byte) * 1099511628211 % 2**64
    return f"{total:016x}"
