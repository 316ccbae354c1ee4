"""An alert's life as a pure state machine: what is known of it so far, and what was seen, give what is known.

Everything here may be seen twice, late, or in another order; the result is the same. Times of firing and
resolution are those of Prometheus' rule evaluations, times of silences are Alertmanager's, and notifications
and inhibitions have the time at which the platform saw them, because neither program says when they began.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.infra.stores.alertmanager import Silence, SilenceState
from app.monitoring.alerts.records import (
    ESCALATION,
    MOST_TRANSITIONS,
    AlertRecord,
    Kind,
    Source,
    Transition,
    fingerprint_of,
    is_test,
    milliseconds,
    month_of,
    record_id,
    stored,
)

_TRUST: Final = (Source.PLATFORM, Source.PROMETHEUS, Source.ALERTMANAGER)
"""Whose word about an end replaces whose: the later one here that of those before."""
_ORDER: Final = {kind: place for place, kind in enumerate(Kind)}
_KEPT_FIRST: Final = 20
_SILENCES: Final = (Kind.SILENCED, Kind.ACKNOWLEDGED)
_ENDED_BY: Final = {Kind.SILENCED: Kind.SILENCE_ENDED, Kind.INHIBITED: Kind.INHIBITION_ENDED}
_CLOCKS_DIFFER: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that fires, or fired: Alertmanager's identifier, its texts and when it began.

    Alertmanager has one alert of an identifier: where it fires again, the time before has ended.
    """

    fingerprint: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    started_at: datetime
    source: Source = Source.ALERTMANAGER

    @property
    def id(self) -> str:
        """The id of its record."""
        return record_id(self.fingerprint, self.started_at)


def begun(firing: Firing) -> AlertRecord:
    """Returns the record of an alert that nothing is known of but that it fired."""
    labels, at = firing.labels, milliseconds(firing.started_at)
    return AlertRecord(
        id=firing.id,
        fingerprint=firing.fingerprint,
        alertname=labels.get("alertname", "")[:200],
        severity=labels.get("severity", "")[:200],
        service_name=labels.get("service_name", "")[:200],
        owner=labels.get("owner", "")[:200],
        is_test=is_test(labels),
        is_open=True,
        month=month_of(at),
        labels=stored(labels),
        annotations=stored(firing.annotations),
        started_at=at,
        transitions=(Transition(kind=Kind.FIRING, at=at, source=Source.PROMETHEUS, said=False),),
        is_said=False,
    )


def with_annotations(record: AlertRecord, annotations: Mapping[str, str]) -> AlertRecord:
    """Returns the record with its texts, if it has none yet: Prometheus' samples have only labels."""
    if record.annotations or not annotations:
        return record
    return record.model_copy(update={"annotations": stored(annotations)})


def pended(record: AlertRecord, at: datetime) -> AlertRecord:
    """Returns the record with the moment at which the rule's condition became true."""
    if record.first(Kind.PENDING) is not None or at >= record.started_at:
        return record
    return _with(record, Transition(kind=Kind.PENDING, at=milliseconds(at), source=Source.PROMETHEUS))


def notified(record: AlertRecord, receiver: str, at: datetime, *, resolved: bool) -> AlertRecord:
    """Returns the record with a notification, the first one of each receiver; the earliest time counts."""
    kind = Kind.RESOLUTION_SENT if resolved else _notification(receiver)
    step = Transition(kind=kind, at=milliseconds(at), source=Source.PLATFORM, reference=receiver)
    known = next((each for each in record.transitions if each.key == step.key), None)
    if known is None:
        return _with(record, step)
    if known.at <= step.at:
        return record
    others = tuple(each for each in record.transitions if each is not known)
    return _with(record.model_copy(update={"transitions": others}), step, said=known.said)


def _notification(receiver: str) -> Kind:
    return Kind.ESCALATED if receiver.startswith(ESCALATION) else Kind.NOTIFIED


def silenced(record: AlertRecord, silences: Iterable[Silence]) -> AlertRecord:
    """Returns the record with these silences, all of which fit it: when they began, and ended if they have.

    A silence that was made after the alert began to fire is somebody's answer to it: an acknowledgement.
    """
    for silence in silences:
        began_in_time = record.resolved_at is None or silence.starts_at < record.resolved_at
        has_begun = silence.status.state is not SilenceState.PENDING
        if has_begun and began_in_time and silence.ends_at > record.started_at:
            record = _one_silence(record, silence)
    return record


def _one_silence(record: AlertRecord, silence: Silence) -> AlertRecord:
    steps = {each.kind: each for each in record.transitions if each.reference == silence.id}
    answered = answers(silence, record.fingerprint, record.started_at)
    if not steps and not answered and _left_out(record, silence):
        return record
    if not steps.keys() & set(_SILENCES):
        begin = Transition(
            kind=Kind.ACKNOWLEDGED if answered else Kind.SILENCED,
            at=milliseconds(max(silence.starts_at, record.started_at)),
            source=Source.ALERTMANAGER,
            reference=silence.id,
            by=silence.created_by[:200],
            why=silence.comment[:500],
            until=milliseconds(silence.ends_at),
        )
        record = _with(record, begin)
    outlived = record.resolved_at is not None and silence.ends_at >= record.resolved_at
    is_over = silence.status.state is SilenceState.EXPIRED and not outlived
    if is_over and Kind.SILENCE_ENDED not in steps:
        over = Transition(
            kind=Kind.SILENCE_ENDED,
            at=milliseconds(silence.ends_at),
            source=Source.ALERTMANAGER,
            reference=silence.id,
        )
        record = _with(record, over)
    return record


def answers(silence: Silence, fingerprint: str, started_at: datetime) -> bool:
    """Tells whether a silence is somebody's answer to an alert that fires since a moment: it was made later.

    Where clocks differ, one for this alert alone may seem to be a little older than the alert.
    """
    exact = all(each.is_equal and not each.is_regex for each in silence.matchers)
    about = fingerprint_of({each.name: each.value for each in silence.matchers}) if exact else None
    earliest = started_at - _CLOCKS_DIFFER if about == fingerprint else started_at
    return silence.starts_at >= earliest


def _left_out(record: AlertRecord, silence: Silence) -> bool:
    """Tells whether a silence that the record has not was left out of it: Alertmanager lists it for days."""
    cut = record.cut_until
    is_over = silence.status.state is SilenceState.EXPIRED
    return cut is not None and is_over and milliseconds(silence.ends_at) <= cut


def inhibited(record: AlertRecord, inhibitors: Iterable[str], now: datetime) -> AlertRecord:
    """Returns the record with the alerts that inhibit it now, by fingerprint; ``now`` is our time."""
    seen, known = frozenset(inhibitors), record.current(Kind.INHIBITED)
    for kind, references in (
        (Kind.INHIBITED, seen - known),
        (Kind.INHIBITION_ENDED, known - seen if record.is_open else frozenset()),
    ):
        for each in sorted(references):
            step = Transition(kind=kind, at=milliseconds(now), source=Source.PLATFORM, reference=each)
            record = _with(record, step)
    return record


def resolved(record: AlertRecord, at: datetime, source: Source) -> AlertRecord:
    """Returns the record with its end.

    Alertmanager's notification, which has the moment of the evaluation, replaces what was inferred before,
    and what Prometheus' samples show replaces what the platform saw.
    """
    at = max(milliseconds(at), record.started_at)
    known = next((each for each in record.transitions if each.kind is Kind.RESOLVED), None)
    if known is not None and _TRUST.index(source) <= _TRUST.index(known.source):
        return record
    others = tuple(each for each in record.transitions if each is not known)
    ended = record.model_copy(update={"transitions": others, "is_open": False, "resolved_at": at})
    step = Transition(kind=Kind.RESOLVED, at=at, source=source)
    return _with(ended, step, said=known is not None and known.said)


def reopened(record: AlertRecord, updated_at: datetime) -> AlertRecord:
    """Returns the record without its end if Alertmanager was sent the alert as firing since then.

    What was seen before the end says nothing: it arrived late.
    """
    if record.is_open or record.resolved_at is None or updated_at <= record.resolved_at:
        return record
    others = tuple(each for each in record.transitions if each.kind is not Kind.RESOLVED)
    return record.model_copy(update={"transitions": others, "is_open": True, "resolved_at": None})


def new_steps(before: AlertRecord | None, after: AlertRecord) -> list[Transition]:
    """Returns the steps that only ``after`` has; one whose time was corrected is not new."""
    known = set() if before is None else {each.key for each in before.transitions}
    counts = [] if before is None else list(before.transitions)
    return [each for each in after.transitions if each.key not in known or _again(each, counts)]


def _again(step: Transition, before: list[Transition]) -> bool:
    """Tells whether the same thing began or ended once more: an inhibition does so under one reference."""
    return step.kind in {Kind.INHIBITED, Kind.INHIBITION_ENDED} and step not in before


def said(record: AlertRecord, keys: AbstractSet[tuple[Kind, str | None]]) -> AlertRecord:
    """Returns the record with the steps of these keys announced."""
    steps = tuple(
        each.model_copy(update={"said": True}) if each.key in keys else each for each in record.transitions
    )
    return record.model_copy(update={"transitions": steps, "is_said": all(each.said for each in steps)})


def as_said(record: AlertRecord) -> AlertRecord:
    """Returns the record as it was when all of it was announced."""
    steps = tuple(each for each in record.transitions if each.said)
    is_over = any(each.kind is Kind.RESOLVED for each in steps)
    end = {"is_open": not is_over, "resolved_at": record.resolved_at if is_over else None}
    return record.model_copy(update={"transitions": steps, **end})


def _with(record: AlertRecord, step: Transition, *, said: bool = False) -> AlertRecord:
    added = step.model_copy(update={"said": said})
    steps = sorted((*record.transitions, added), key=lambda each: (each.at, _ORDER[each.kind]))
    cut = _cut(steps)
    until = [steps[place].at for place in cut] + [record.cut_until] * (record.cut_until is not None)
    changes = {
        "transitions": tuple(each for place, each in enumerate(steps) if place not in cut),
        "is_said": record.is_said and said,
        "omitted": record.omitted + len(cut),
        "cut_until": max(filter(None, until), default=None),
    }
    return record.model_copy(update=changes)


def _cut(steps: Sequence[Transition]) -> AbstractSet[int]:
    """Returns the places of steps to leave out: silences and inhibitions that are over, the oldest ones.

    The first steps stay, and so does whatever tells who was notified, who acted, and how it ended.
    """
    cut: set[int] = set()
    for begin, end in _pairs(steps):
        if len(steps) - len(cut) > MOST_TRANSITIONS and begin >= _KEPT_FIRST:
            cut |= {begin, end}
    return cut


def _pairs(steps: Sequence[Transition]) -> Iterator[tuple[int, int]]:
    """Yields the places of the beginning and the end of silences and inhibitions, by the end."""
    begun: dict[tuple[Kind, str | None], int] = {}
    for place, each in enumerate(steps):
        if each.kind in _ENDED_BY:
            begun[_ENDED_BY[each.kind], each.reference] = place
        elif each.key in begun:
            yield begun.pop(each.key), place
