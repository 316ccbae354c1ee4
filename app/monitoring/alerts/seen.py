"""What a comparison has before it: what the two programs say now, and which records are known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final

from app.infra.stores.alertmanager import Alert, Silence
from app.monitoring.alerts.life import Firing
from app.monitoring.alerts.lookback import Episode, Remembered
from app.monitoring.alerts.records import AlertRecord, Kind, milliseconds


@dataclass(frozen=True)
class Seen:
    """What the two programs say now; None: they do not answer."""

    alerts: Sequence[Alert] | None
    silences: Sequence[Silence]
    remembered: Remembered | None

    @property
    def episodes(self) -> Sequence[Episode]:
        """What Prometheus remembers."""
        return () if self.remembered is None else self.remembered.episodes

    @property
    def is_up_to_date(self) -> bool:
        """Whether Prometheus was read up to now, or not at all."""
        return self.remembered is None or self.remembered.is_complete

    @cached_property
    def listed(self) -> frozenset[str]:
        """The ids of the records of the alerts that Alertmanager lists."""
        return frozenset(firing_of(each).id for each in self.alerts or ())

    def gap_before(self, firing: Firing) -> datetime | None:
        """Returns the moment of the sample that is missing right before an alert fired."""
        began = milliseconds(firing.started_at)
        ours = (each.gaps for each in self.episodes if each.fingerprint == firing.fingerprint)
        return next((gaps[began] for gaps in ours if began in gaps), None)


class Known:
    """Records, by alert and by id."""

    def __init__(self, records: Iterable[AlertRecord]) -> None:
        self._found: defaultdict[str, dict[str, AlertRecord]] = defaultdict(dict)
        for each in records:
            self.put(each)

    def __iter__(self) -> Iterator[AlertRecord]:
        return (each for records in self._found.values() for each in records.values())

    def put(self, record: AlertRecord) -> None:
        """Keeps a record, instead of what it was before."""
        self._found[record.fingerprint][record.id] = record

    def of(self, fingerprint: str) -> list[AlertRecord]:
        """Returns the records of an alert, the newest first."""
        return sorted(self._found.get(fingerprint, {}).values(), key=lambda each: each.id, reverse=True)


def firing_of(alert: Alert) -> Firing:
    """Returns what Alertmanager says about an alert's beginning."""
    return Firing(alert.fingerprint, alert.labels, alert.annotations, alert.starts_at)


def fitting(
    silences: Iterable[Silence], record: AlertRecord, labels: Mapping[str, str], named: Iterable[str] = ()
) -> list[Silence]:
    """Returns the silences that fit an alert.

    Those are the ones that Alertmanager names, which are active, those that surely do, and those that are in
    the record already: a regular expression that fitted is named no more when its silence has ended.
    """
    ids = set(named) | {each.reference for each in record.transitions if each.kind in _SILENCES}
    return [each for each in silences if each.id in ids or each.fits(labels)]


def covers(record: AlertRecord, episode: Episode) -> bool:
    """Tells whether a record is about this episode: after a restart of Prometheus it is one of several."""
    if record.fingerprint != episode.fingerprint or record.started_at > episode.last:
        return False
    begin = episode.begin or episode.last
    return record.resolved_at is None or record.started_at == begin or record.resolved_at > begin


_SILENCES: Final = (Kind.SILENCED, Kind.ACKNOWLEDGED)
