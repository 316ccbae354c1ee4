"""When routes are quiet: business hours and maintenance windows, as Alertmanager's time intervals.

Alertmanager compares the wall clock of the interval's time zone: on the day of a clock change, a window from
01:00 until 04:00 lasts two or four hours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from stack.alerting.errors import AlertingError
from stack.alerting.yaml_files import parsed, read
from stack.channel_settings import ChannelSettings

BUSINESS_HOURS: Final = "business-hours"
MAINTENANCE: Final = "maintenance-"
LONGEST: Final = timedelta(days=7)
"""A window that is longer is a mistake: pages would be lost for weeks."""
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MIDNIGHT: Final = "24:00"
_DAY_MINUTES: Final = 24 * 60
_NONE: Final = timedelta()
_ESCALATION: Final = "escalation-"
_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds", "ms": "milliseconds"}
_KEYS: Final = ("active_time_intervals", "mute_time_intervals")

_SENTENCES: Final = {
    "missing": "is missing",
    "extra_forbidden": "is unknown; a window has name, from, until, every and severities",
    "model_type": "must have name, from and until",
}

Severity = Literal["page", "warning"]
Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Interval = dict[str, Any]


def _moment(text: object) -> datetime:
    try:
        return datetime.strptime(str(text), "%Y-%m-%d %H:%M")  # noqa: DTZ007 - the wall clock of STACK_TIME_ZONE
    except ValueError:
        raise ValueError("must be a local time such as 2026-12-05 22:00") from None


def _clock(text: object) -> time:
    try:
        return datetime.strptime(str(text), "%H:%M").time()  # noqa: DTZ007 - likewise
    except ValueError:
        raise ValueError("must be a time of day such as 03:00") from None


class _Window(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=80)]
    severities: tuple[Severity, ...] = Field(default=("page", "warning"), min_length=1)


class Once(_Window):
    """A window on one occasion."""

    start: Annotated[datetime, BeforeValidator(_moment)] = Field(alias="from")
    end: Annotated[datetime, BeforeValidator(_moment)] = Field(alias="until")

    @model_validator(mode="after")
    def _ends_soon(self) -> Self:
        if not self.start < self.end <= self.start + LONGEST:
            raise ValueError(f"must end after its start, and within {LONGEST.days} days of it")
        return self

    def intervals(self, wait: timedelta = _NONE) -> Iterator[Interval]:
        """Yields one interval per day until ``wait`` after the end: Alertmanager's end at midnight."""
        day, until = self.start.date(), self.end + wait
        while day <= until.date():
            start = _text(self.start.time()) if day == self.start.date() else "00:00"
            end = _text(until.time()) if day == until.date() else _MIDNIGHT
            if start < end:
                yield {**_date(day), "times": [{"start_time": start, "end_time": end}]}
            day += timedelta(days=1)


class Weekly(_Window):
    """A window on the same days of every week; one that ends before it starts ends on the next day."""

    every: Annotated[
        tuple[Day, ...], BeforeValidator(lambda days: [days] if isinstance(days, str) else days)
    ] = Field(min_length=1)
    start: Annotated[time, BeforeValidator(_clock)] = Field(alias="from")
    end: Annotated[time, BeforeValidator(_clock)] = Field(alias="until")

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        if self.start == self.end:
            raise ValueError("must end at another time than it starts")
        return self

    def intervals(self, wait: timedelta = _NONE) -> Iterator[Interval]:
        """Yields the interval until ``wait`` after the end, or its parts around midnights."""
        start, end = _minutes(self.start), _minutes(self.end)
        end += (_DAY_MINUTES if end <= start else 0) + wait // timedelta(minutes=1)
        for passed in range(-(-end // _DAY_MINUTES)):
            first, last = (
                max(start - passed * _DAY_MINUTES, 0),
                min(end - passed * _DAY_MINUTES, _DAY_MINUTES),
            )
            days = [_DAYS[(_DAYS.index(day) + passed) % len(_DAYS)] for day in self.every]
            yield {"weekdays": days, "times": [{"start_time": _of_day(first), "end_time": _of_day(last)}]}


def calendar(path: Path) -> list[Once | Weekly]:
    """Returns the windows of a maintenance calendar.

    Raises:
        AlertingError: it cannot be read or is not valid; the message names the window, the field and the fix.
    """
    name = f"STACK_MAINTENANCE_FILE: {path}"
    content = parsed(read(path, name), name, as_text=True)
    windows = content.get("windows") if isinstance(content, dict) else None
    if not isinstance(windows, list) or set(content) != {"windows"}:
        raise AlertingError(f"{name} must have one key, `windows`, with a list")
    return [_window(path, number, each) for number, each in enumerate(windows, 1)]


def _window(path: Path, number: int, given: object) -> Once | Weekly:
    name = given.get("name", "without a name") if isinstance(given, dict) else "that is no map"
    kind = Weekly if isinstance(given, dict) and "every" in given else Once
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the window"
        sentence = f"{where}: {_SENTENCES.get(first['type'], first['msg'].removeprefix('Value error, '))}"
        raise AlertingError(f"STACK_MAINTENANCE_FILE: {path}, window {number} ({name}): {sentence}") from None


def business_hours(text: str) -> Interval:
    """Returns the interval of a setting such as ``mon-fri 08:00-18:00``."""
    days, _, times = text.partition(" ")
    start, _, end = times.partition("-")
    full = [_full(day) for day in days.split("-")]
    return {"weekdays": [":".join(full)], "times": [{"start_time": start, "end_time": end}]}


def with_time_intervals(configuration: Mapping[str, Any], channels: ChannelSettings) -> dict[str, Any]:
    """Returns the configuration with the intervals that are set; its routes refer to no others.

    An escalation stays quiet for its wait after a window: what fired within it reaches on-call first.

    Raises:
        AlertingError: the maintenance calendar is not valid.
    """
    intervals: dict[str, list[Interval]] = {}
    if channels.business_hours:
        intervals[BUSINESS_HOURS] = [business_hours(channels.business_hours)]
    waits = {"": _NONE, **dict(_waits(configuration["route"]))}
    for window in calendar(channels.maintenance_file) if channels.maintenance_file else []:
        for name, wait in ((each + tier, waits[tier]) for each in window.severities for tier in waits):
            intervals.setdefault(MAINTENANCE + name, []).extend(window.intervals(wait))
    zone = {"location": channels.time_zone}
    route = _pruned(configuration["route"], frozenset(intervals))
    used = {name for each in [route, *route["routes"]] for key in _KEYS for name in each.get(key, [])}
    named = [
        {"name": name, "time_intervals": [{**each, **zone} for each in found]}
        for name, found in intervals.items()
        if name in used
    ]
    return {**configuration, "route": route, **({"time_intervals": named} if named else {})}


def _waits(route: Mapping[str, Any]) -> Iterator[tuple[str, timedelta]]:
    """Yields what the names of an escalation's intervals end with, and its wait, in whole minutes."""
    for child in route["routes"]:
        if child["receiver"].startswith(_ESCALATION):
            parts = re.findall(r"(\d+)(ms|[dhms])", child["group_wait"])
            wait = timedelta(**{_UNITS[unit]: int(number) for number, unit in parts})
            yield _after(child), timedelta(minutes=-(-wait // timedelta(minutes=1)))


def _after(route: Mapping[str, Any]) -> str:
    return f"-{route['receiver']}" if route["receiver"].startswith(_ESCALATION) else ""


def _pruned(route: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """Returns the route without references to intervals that are not set."""
    kept = {key: value for key, value in route.items() if key not in {*_KEYS, "routes"}}
    used = {
        key: [name + _after(route) for name in route.get(key, []) if name + _after(route) in known]
        for key in _KEYS
    }
    children = [_pruned(child, known) for child in route.get("routes", [])]
    return {
        **kept,
        **{key: names for key, names in used.items() if names},
        **({"routes": children} if children else {}),
    }


def _date(day: date) -> Interval:
    return {"years": [str(day.year)], "months": [str(day.month)], "days_of_month": [str(day.day)]}


def _minutes(moment: time) -> int:
    return moment.hour * 60 + moment.minute


def _of_day(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _text(moment: time) -> str:
    return moment.strftime("%H:%M")


def _full(day: str) -> str:
    return next(full for full in _DAYS if full.startswith(day))
