"""Collects what a report says from Prometheus and the history of alerts."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar

from app.core.errors import Unavailable
from app.infra.stores import Prometheus, StoreUnavailable
from app.infra.stores.queries import selector
from app.monitoring.figures import PrometheusFigures
from app.monitoring.kpis import Kpis, kpis_of
from app.monitoring.report.content import Alerts, Figure, Gap, Objective, Report
from app.monitoring.report.period import Period

# Of each five minutes, so that their sum over any time is exact.
EVENTS: Final = "slo:events:count5m"
FAILURES: Final = "slo:failures:count5m"
TARGET: Final = "slo:objective:ratio"
NAME: Final = "slo"
_OLDEST: Final = "min(prometheus_tsdb_lowest_timestamp_seconds)"
_NO_PROMETHEUS: Final = "LMS_PROMETHEUS_URL is not set, so there are no figures."

Part = TypeVar("Part")
History = Callable[[datetime, datetime], Awaitable[Alerts]]
"""Returns the alerts that began to fire between two times. Raises `Unavailable` if it cannot."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What a report is made of; ``service`` is the platform's name in metrics."""

    prometheus: Prometheus | None
    history: History
    service: str


async def gather(period: Period, sources: Sources, now: datetime) -> Report:
    """Returns the report of a period that is over; a source that does not answer leaves a gap."""
    objectives, alerts, figures, since = await asyncio.gather(
        _or_gap(_objectives(period, sources.prometheus, now)),
        _or_gap(sources.history(period.begin, period.end)),
        _or_gap(_figures(period, sources, now)),
        _or_gap(_known_since(sources.prometheus)),
    )
    note = _note(period, since) if isinstance(since, datetime) else None
    gaps = [part for part in (objectives, alerts, figures, since) if isinstance(part, Gap) and part.may_come]
    unanswered = tuple(dict.fromkeys(gap.reason for gap in gaps))
    return Report(period, objectives, alerts, figures, (note,) if note else (), unanswered)


async def _or_gap(part: Awaitable[Part | Gap]) -> Part | Gap:
    try:
        return await part
    except Unavailable as error:
        return Gap(f"Missing: {_reason(error)}.", may_come=True)


def _reason(error: Unavailable) -> str:
    """Returns why a source has no answer; a reader of the report cannot try again in a moment."""
    if isinstance(error, StoreUnavailable):
        return f"{error.source} {error.reason}"
    return error.detail.partition(";")[0].rstrip(".")


async def _objectives(
    period: Period, prometheus: Prometheus | None, now: datetime
) -> Sequence[Objective] | Gap:
    if prometheus is None:
        return Gap(_NO_PROMETHEUS)
    ago = int((now - period.end).total_seconds())
    window, offset = f"{int(period.length.total_seconds())}s", f"{ago}s" if ago > 0 else ""
    objectives, counts = selector(TARGET, window=window, offset=offset), (EVENTS, FAILURES)
    grown = [f"sum_over_time({selector(name, window=window, offset=offset)})" for name in counts]
    targets, events, failures = await asyncio.gather(
        _by_name(prometheus, f"max by ({NAME}) (last_over_time({objectives}))"),
        *(_by_name(prometheus, f"sum by ({NAME}) ({each})") for each in grown),
    )
    if not targets:
        return Gap("Missing: Prometheus has no objective of this period.")
    return [
        Objective(name, target, _share_of_good(events.get(name, 0), failures.get(name, 0)))
        for name, target in sorted(targets.items())
    ]


def _share_of_good(events: float, failures: float) -> float | None:
    return 1 - min(failures / events, 1) if events > 0 else None


async def _by_name(prometheus: Prometheus, query: str) -> dict[str, float]:
    found = await prometheus.query(query)
    return {each.labels.get(NAME, ""): each.value for each in found if math.isfinite(each.value)}


async def _figures(period: Period, sources: Sources, now: datetime) -> Sequence[Figure] | Gap:
    if sources.prometheus is None:
        return Gap(_NO_PROMETHEUS)
    now_, before = await asyncio.gather(
        *(
            kpis_of(PrometheusFigures(sources.prometheus, sources.service, each.length, now - each.end))
            for each in (period, period.previous)
        )
    )
    if not now_.is_known:
        return Gap("Missing: Prometheus has no business figure of this period.")
    earlier = _shown(before) if before.is_known else {}
    return [
        Figure(name, value, earlier.get(name), is_share=name == _PASSED)
        for name, value in _shown(now_).items()
    ]


_PASSED: Final = "Pass rate of quizzes"


def _shown(kpis: Kpis) -> dict[str, float | None]:
    return {
        "Registrations": kpis.registrations.get("created", 0),
        "Sign-ins": kpis.logins.get("success", 0),
        "Enrolments": kpis.enrollments.get("created", 0),
        "Courses completed": kpis.course_completions,
        "Certificates issued": kpis.certificates_issued,
        "Quizzes graded": kpis.quiz_attempts.get("passed", 0) + kpis.quiz_attempts.get("failed", 0),
        _PASSED: kpis.pass_rate,
    }


async def _known_since(prometheus: Prometheus | None) -> datetime | Gap:
    found = await prometheus.query(_OLDEST) if prometheus else []
    known = [each.value for each in found if math.isfinite(each.value) and each.value > 0]
    return datetime.fromtimestamp(known[0], UTC) if known else Gap("It is not known how far back data goes.")


def _note(period: Period, since: datetime) -> str | None:
    """Returns what the figures lack because Prometheus keeps its data for a bounded time."""
    day = f"{since.astimezone(period.zone):%d %B %Y %H:%M}"
    if since > period.begin:
        return f"Prometheus has data since {day} only: what came before is missing in the figures."
    if since > period.previous.begin:
        return f"Prometheus has data since {day} only: the figures of the period before are incomplete."
    return None
