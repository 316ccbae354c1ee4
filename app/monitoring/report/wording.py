"""How figures are written in a report, in both of its forms."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.monitoring.report.content import Alerts, Figure, Gap, Incident, Objective, Report
from app.monitoring.report.period import Period

NOTHING: Final = "-"
_LONGEST: Final = 120
# Mail programs make links of addresses, mail addresses and host names, whoever typed them.
_LINKING: Final = re.compile(r"(?<=\w)[.:@]+(?=/{0,2}\w)|//")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")


@dataclass(frozen=True, slots=True)
class Table:
    """A part of the report: rows under a head, or a sentence if there are none; sentences come after it."""

    title: str
    head: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    sentences: tuple[str, ...] = ()


def tables(report: Report) -> list[Table]:
    """Returns the parts of the report, in order."""
    return [
        _objectives(report.objectives),
        *_alerts(report.alerts, report.period),
        _figures(report.figures),
    ]


def span_of(period: Period) -> str:
    """Returns the days of a period: ``23 to 29 November 2026 (UTC)``."""
    last = period.last
    first = period.first
    begin = f"{first.day}" if first.month == last.month else f"{first.day} {first:%B}"
    begin += f" {first.year}" if first.year != last.year else ""
    return f"{begin} to {last.day} {last:%B %Y} ({period.zone.key})"


def plain(text: str) -> str:
    """Returns a text that somebody else chose as one short line in which nothing becomes a link."""
    line = " ".join(_UNPRINTABLE.sub(" ", text).split())
    short = line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
    return _LINKING.sub(lambda match: f"[{match[0]}]", short)


def _objectives(found: Sequence[Objective] | Gap) -> Table:
    head = ("Objective", "Target", "Reached", "Budget left", "")
    if isinstance(found, Gap):
        return Table("Service level objectives", head, (), (found.reason,))
    rows = [
        (
            plain(each.name),
            _percent(each.target),
            NOTHING if each.good is None else _percent(each.good),
            NOTHING if each.budget_left is None else f"{each.budget_left:.0%}",
            "no events" if each.good is None else ("met" if each.is_met else "MISSED"),
        )
        for each in found
    ]
    return Table("Service level objectives", head, rows, () if rows else ("There is no objective.",))


def _alerts(found: Alerts | Gap, period: Period) -> list[Table]:
    heads = (
        ("Page", "Service", "Began", "Acknowledged after", "Resolved after", "Cause"),
        ("Alert", "Fired", "Seen"),
    )
    if isinstance(found, Gap):
        return [Table("Incidents", heads[0], (), (found.reason,))]
    pages = [_page(each, period) for each in found.pages]
    noise = [(plain(each.alert), f"{each.fired}", f"{each.acknowledged}") for each in found.noisiest]
    return [
        Table("Incidents", heads[0], pages, _summary(found)),
        Table("Noisiest alerts", heads[1], noise, () if noise else ("No alert fired.",)),
    ]


def _page(each: Incident, period: Period) -> tuple[str, ...]:
    escalated = " (escalated)" if each.escalated else ""
    return (
        f"{plain(each.alert)}{escalated}",
        plain(each.service),
        _moment(each.started_at, period),
        _after(each.started_at, each.acknowledged_at, "nobody did"),
        _after(each.started_at, each.resolved_at, "still firing"),
        plain(each.cause) or "not yet found",
    )


def _summary(found: Alerts) -> tuple[str, ...]:
    cut = (
        () if found.is_complete else (f"More than {len(found.all):,} alerts fired: the oldest are left out.",)
    )
    if not found.pages:
        return ("Nobody was paged.", *cut)
    mtta, mttr = found.time_to_acknowledge, found.time_to_resolve
    return (
        f"Pages: {len(found.pages)}. Mean time to acknowledge: {_length(mtta)}; to resolve: {_length(mttr)}.",
        *([f"Nobody acknowledged {found.unacknowledged} of them."] if found.unacknowledged else []),
        *cut,
    )


def _figures(found: Sequence[Figure] | Gap) -> Table:
    head = ("Figure", "This period", "Period before", "Change")
    if isinstance(found, Gap):
        return Table("Learning", head, (), (found.reason,))
    rows = [
        (
            each.name,
            _number(each.value, is_share=each.is_share),
            _number(each.before, is_share=each.is_share),
            NOTHING if each.change is None else f"{each.change:+.0%}",
        )
        for each in found
    ]
    return Table("Learning", head, rows)


def _number(value: float | None, *, is_share: bool) -> str:
    if value is None:
        return NOTHING
    return f"{value:.1%}" if is_share else f"{value:,.0f}"


def _percent(share: float) -> str:
    return f"{share * 100:.3f}".rstrip("0").rstrip(".") + " %"


def _moment(at: datetime, period: Period) -> str:
    return f"{at.astimezone(period.zone):%a %d %b %H:%M}"


def _after(begin: datetime, end: datetime | None, never: str) -> str:
    return never if end is None else _length(end - begin)


def _length(span: timedelta | None) -> str:
    if span is None:
        return NOTHING
    minutes, seconds = divmod(round(max(span.total_seconds(), 0)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
