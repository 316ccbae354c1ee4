"""A generated week of the platform: what its metrics show, minute by minute.

Monday has a database outage and Friday an hour of slow answers. Nothing else hurts learners: an exam, a
holiday, quiet nights, releases, a Redis that restarts, people who mistype their passwords.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Final

HOUR: Final = 60
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY
BUCKETS: Final = ("0.1", "0.25", "0.5", "1", "2.5", "5", "+Inf")
_MON, _TUE, _WED, _THU, _FRI = (day * DAY for day in range(5))


@dataclass(frozen=True, slots=True)
class Span:
    """Minutes of the week from ``start``, without ``end``."""

    start: int
    end: int

    def __contains__(self, minute: int) -> bool:
        return self.start <= minute < self.end


EXAM: Final = Span(_WED + 9 * HOUR, _WED + 12 * HOUR)
HOLIDAY: Final = Span(_THU, _THU + DAY)
OUTAGE: Final = Span(_MON + 14 * HOUR, _MON + 14 * HOUR + 40)
SLOW: Final = Span(_FRI + 10 * HOUR, _FRI + 11 * HOUR)
RELEASES: Final = (_TUE + 10 * HOUR + 7, _TUE + 10 * HOUR + 31, _FRI + 16 * HOUR + 2)
REDIS_RESTART: Final = _TUE + 15 * HOUR

# By day of the week: learners stay away at the weekend, a little.
_DAYS: Final = (1.0, 1.05, 1.1, 1.0, 0.85, 0.45, 0.5)
# Requests per minute at the busiest hour, by route; the share that is a client's mistake (4xx).
ROUTES: Final[Mapping[tuple[str, str], tuple[float, float]]] = {
    ("GET", "/api/v1/courses"): (120, 0.0),
    ("GET", "/api/v1/courses/{course_id}"): (200, 0.02),
    ("POST", "/api/v1/auth/login"): (16, 0.08),
    ("POST", "/api/v1/users"): (2, 0.05),
    ("POST", "/api/v1/courses/{course_id}/enrollments"): (4, 0.1),
    ("POST", "/api/v1/courses/{course_id}/quizzes/{quiz_id}/submissions"): (10, 0.02),
    ("GET", "/api/v1/certificates/{certificate_id}"): (3, 0.1),
}
_LOGIN, _USERS = ("POST", "/api/v1/auth/login"), ("POST", "/api/v1/users")
_ENROL, _SUBMIT, _CERTIFICATE = list(ROUTES)[4:]
# How many times as much an exam has of each.
_EXAM: Final = {_LOGIN: 8.0, _SUBMIT: 20.0, _USERS: 1.0, _ENROL: 1.0, _CERTIFICATE: 1.0}


def busy(minute: int) -> float:
    """Returns how busy an ordinary minute is, from 0 to about 1: next to nothing at night."""
    hour = minute % DAY / HOUR
    shape = math.exp(-(((hour - 11) / 3) ** 2)) + 0.8 * math.exp(-(((hour - 19) / 2.2) ** 2))
    return _DAYS[minute // DAY % 7] * (0.004 + shape)


class Week:
    """The counters and gauges of one week.

    Args:
        seed: of the randomness; the same seed gives the same week.
    """

    def __init__(self, seed: int = 13) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a model, no secret
        self._values: dict[str, list[float]] = {}

    def series(self) -> Iterator[tuple[str, list[float]]]:
        """Yields each series with its value at every minute."""
        for minute in range(WEEK):
            self._minute(minute)
        yield from self._values.items()

    def _minute(self, minute: int) -> None:
        for route, (most, mistaken) in ROUTES.items():
            count = self._around(most * self._factor(minute, route))
            wrong = self._around(count * mistaken)
            self._requests(minute, route, max(count - wrong, 0), wrong)
        self._gauges(minute)

    def _factor(self, minute: int, route: tuple[str, str]) -> float:
        factor = busy(minute)
        if minute in EXAM:
            factor *= _EXAM.get(route, 4.0)
        if minute in HOLIDAY:
            factor *= 0.15
        return factor

    def _around(self, mean: float) -> int:
        """Returns a random count with this mean: Poisson's, or its normal approximation."""
        if mean > 30:
            return max(round(self._random.gauss(mean, math.sqrt(mean))), 0)
        limit, count, product = math.exp(-mean), 0, self._random.random()
        while product > limit:
            count, product = count + 1, product * self._random.random()
        return count

    def _requests(self, minute: int, route: tuple[str, str], good: int, wrong: int) -> None:
        failed = minute in OUTAGE
        statuses = {"503": good + wrong} if failed else {"200": good, "400": wrong}
        for status in ("200", "400", "503"):
            count = statuses.get(status, 0)
            labels = (
                f'service_name="lms", instance="lms-1", http_request_method="{route[0]}",'
                f' http_route="{route[1]}", http_response_status_code="{status}"'
            )
            name = "http_server_request_duration_seconds"
            self._add(minute, f"{name}_count{{{labels}}}", count)
            for bound, share in zip(BUCKETS, self._latency(minute, route, status), strict=True):
                self._add(minute, f'{name}_bucket{{{labels}, le="{bound}"}}', round(count * share))
        if not failed:
            self._business(minute, route, good, wrong)

    def _latency(self, minute: int, route: tuple[str, str], status: str) -> tuple[float, ...]:
        """Returns the share of requests within each of BUCKETS."""
        if status == "503":
            return (0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0)  # the database's time limit
        if minute in SLOW and status == "200":
            return (0.3, 0.4, 0.45, 0.5, 0.8, 1.0, 1.0)
        if route == _LOGIN:
            return (0.6, 0.98, 1.0, 1.0, 1.0, 1.0, 1.0)
        if minute in EXAM:
            return (0.85, 0.995, 1.0, 1.0, 1.0, 1.0, 1.0)
        return (0.98, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)

    def _business(self, minute: int, route: tuple[str, str], good: int, wrong: int) -> None:
        if route == _LOGIN:
            self._add(minute, 'lms_logins_total{outcome="success"}', good)
            self._add(minute, 'lms_logins_total{outcome="wrong_password"}', wrong)
        elif route == _USERS:
            self._add(minute, 'lms_registrations_total{outcome="created"}', good)
            self._add(minute, 'lms_funnel_learners_total{step="registered"}', good)
        elif route == _ENROL:
            self._add(minute, 'lms_enrollments_total{outcome="created"}', good)
            self._add(minute, 'lms_funnel_learners_total{step="enrolled"}', round(good * 0.4))
        elif route == _SUBMIT:
            self._add(minute, 'lms_quiz_attempts_total{outcome="passed"}', good)
        elif route == _CERTIFICATE:
            self._add(minute, 'lms_certificate_verifications_total{outcome="valid"}', good)
            self._add(minute, 'lms_certificate_verifications_total{outcome="invalid"}', wrong // 4)

    def _gauges(self, minute: int) -> None:
        restarting = minute in RELEASES
        self._set(minute, 'up{job="lms", instance="lms:8000"}', 0 if restarting else 1)
        since = max((each for each in RELEASES if each <= minute), default=-DAY)
        self._set(minute, 'process_uptime_seconds{service_name="lms"}', 60 * (minute - since))
        for check, failing in (("mongodb", minute in OUTAGE), ("redis", minute == REDIS_RESTART)):
            for status, there in (("fail", failing), ("pass", not failing), ("warn", False)):
                series = f'lms_health_check_status{{check="{check}", status="{status}", instance="lms-1"}}'
                self._set(minute, series, int(there))

    def _add(self, minute: int, series: str, count: int) -> None:
        """Adds to a counter, which begins anew with the process."""
        values = self._values.setdefault(series, [])
        before = 0.0 if not values or minute in RELEASES else values[-1]
        values.extend([before] * (minute - len(values)))
        values.append(before + count)

    def _set(self, minute: int, series: str, value: float) -> None:
        values = self._values.setdefault(series, [])
        values.extend([value] * (minute - len(values)))
        values.append(value)


def notation(values: Iterable[float]) -> str:
    """Returns values as promtool reads them: ``3x5`` is six times 3."""
    runs = ((value, len(list(same))) for value, same in groupby(values))
    return " ".join(f"{value:.12g}x{count - 1}" if count > 1 else f"{value:.12g}" for value, count in runs)
