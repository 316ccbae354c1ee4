"""Business hours and maintenance windows: as configured, across clock changes, and while one runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
import yaml
from pydantic import SecretStr

from stack.alerting import AlertingError, Channels, Platform, write
from tests.alertmanager.rendered import run
from tests.alertmanager.routed import routed
from tests.programs import wait_until
from tests.receivers.webhook import Webhook

TOKEN: Final = "planted"
BERLIN: Final = "Europe/Berlin"
DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NIGHT: Final = """
windows:
  - name: database upgrade
    from: 2026-10-25 01:00
    until: 2026-10-25 04:00
  - name: move
    from: 2026-12-31 22:00
    until: 2027-01-02 02:00
  - name: weekly restart
    every: [sunday, wednesday]
    from: 23:00
    until: 01:30
    severities: [warning]
"""


def _configured(folder: Path, **given: Any) -> dict[str, Any]:  # noqa: ANN401 - any setting
    write(folder, Channels(**given))
    done = run("amtool", "check-config", folder / "alertmanager.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    configuration: dict[str, Any] = yaml.safe_load((folder / "alertmanager.yml").read_text())
    return configuration


def _calendar(folder: Path, text: str) -> Path:
    path = folder / "maintenance.yml"
    path.write_text(text)
    return path


def _inside(interval: Mapping[str, Any], moment: datetime) -> bool:
    """Tells whether a moment is in an interval, as Alertmanager documents it: by the zone's wall clock.

    Alertmanager 0.31.1's own package `timeinterval` counts the same minutes for each interval and day below.
    """
    local = moment.astimezone(ZoneInfo(interval["location"]))
    days = [_day for each in interval.get("weekdays", []) for _day in _range(each)]
    dates = {"years": local.year, "months": local.month, "days_of_month": local.day}
    if days and DAYS[local.weekday()] not in days:
        return False
    if any(str(value) not in interval[key] for key, value in dates.items() if key in interval):
        return False
    clock = f"{local:%H:%M}"
    return any(each["start_time"] <= clock < each["end_time"] for each in interval["times"])


def _range(text: str) -> list[str]:
    first, _, last = text.partition(":")
    return list(DAYS[DAYS.index(first) : DAYS.index(last or first) + 1])


def _muted_minutes(configuration: Mapping[str, Any], name: str, day: str, hours: int = 24) -> int:
    """Returns for how many minutes an interval lasts in the hours from the day's local midnight."""
    (found,) = [each for each in configuration["time_intervals"] if each["name"] == name]
    start = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(BERLIN)).astimezone(UTC)
    moments = [start + timedelta(minutes=minute) for minute in range(hours * 60)]
    return sum(any(_inside(each, moment) for each in found["time_intervals"]) for moment in moments)


def test_windows_last_as_long_as_the_wall_clock_says(tmp_path: Path) -> None:
    found = _configured(tmp_path, maintenance_file=_calendar(tmp_path, NIGHT), time_zone=BERLIN)
    # The clock is set back from 03:00 to 02:00 in this night: three hours on the clock are four.
    assert _muted_minutes(found, "maintenance-page", "2026-10-25", 25) == 4 * 60
    assert _muted_minutes(found, "maintenance-page", "2026-12-31", 72) == 28 * 60
    assert _muted_minutes(found, "maintenance-page", "2026-11-25", 72) == 0
    assert _muted_minutes(found, "maintenance-warning", "2026-11-25", 72) == 150
    assert _muted_minutes(found, "maintenance-warning", "2026-10-25", 25) == 4 * 60 + 60


WEEKLY = "windows: [{name: night, every: saturday, from: '23:30', until: '23:50'}]"


@pytest.mark.parametrize(
    ("calendar", "day", "minutes"), [(NIGHT, "2026-12-31", 28 * 60), (WEEKLY, "2026-12-05", 20)]
)
def test_an_escalation_stays_quiet_for_its_wait_after_a_window(
    tmp_path: Path, calendar: str, day: str, minutes: int
) -> None:
    """Otherwise the end of a window would page every tier at once."""
    found = _configured(tmp_path, maintenance_file=_calendar(tmp_path, calendar), time_zone=BERLIN)
    for tier, wait in {"": 0, "-escalation-second-line": 15, "-escalation-management": 45}.items():
        assert _muted_minutes(found, f"maintenance-page{tier}", day, 72) == minutes + wait


@pytest.mark.parametrize(
    ("day", "minutes"),
    [("2026-03-27", 600), ("2026-03-29", 0), ("2026-03-30", 600), ("2026-10-25", 0), ("2026-10-26", 600)],
)
def test_business_hours_keep_to_the_wall_clock_over_a_clock_change(
    tmp_path: Path, day: str, minutes: int
) -> None:
    found = _configured(tmp_path, business_hours="mon-fri 08:00-18:00", time_zone=BERLIN)
    assert _muted_minutes(found, "business-hours", day) == minutes
    (interval,) = found["time_intervals"][0]["time_intervals"]
    eight = datetime.fromisoformat(f"{day}T08:00").replace(tzinfo=ZoneInfo(BERLIN))
    assert _inside(interval, eight) == bool(minutes)
    assert not _inside(interval, eight - timedelta(minutes=1))


def test_only_what_is_set_is_configured(tmp_path: Path) -> None:
    assert "time_intervals" not in _configured(tmp_path)
    text = (tmp_path / "alertmanager.yml").read_text()
    assert "maintenance" not in text
    assert "business-hours" not in text
    found = _configured(tmp_path, maintenance_file=_calendar(tmp_path, NIGHT))
    muted = {each["receiver"]: each.get("mute_time_intervals", []) for each in found["route"]["routes"]}
    assert muted["on-call"] == ["maintenance-page"]
    assert muted["escalation-management"] == ["maintenance-page-escalation-management"]
    assert muted["warnings"] == ["maintenance-warning"]
    assert muted["watchdog"] == muted["record"] == []


@pytest.mark.parametrize("ago", [1, 60])
def test_the_end_of_a_window_notifies_on_call_alone(tmp_path: Path, ago: int) -> None:
    """The window ended some minutes ago; the alert fires for longer than every tier's wait."""
    now = datetime.now(ZoneInfo(BERLIN))
    start, end = (f"{now - timedelta(minutes=minutes):%Y-%m-%d %H:%M}" for minutes in (ago + 60, ago - 1))
    calendar = _calendar(tmp_path, f"windows: [{{name: over, from: {start}, until: {end}}}]")
    page = {"alertname": "LmsDown", "service_name": "lms", "severity": "page"}
    info = {**page, "severity": "info"}
    tiers = set() if ago == 1 else {"escalation-second-line", "escalation-management"}
    with Webhook(TOKEN) as history:
        platform = Platform(history.url, SecretStr(TOKEN))
        channels = Channels(maintenance_file=calendar, time_zone=BERLIN)
        with routed(tmp_path, channels, None, platform) as running:
            running.send(page, info, since=datetime.now(UTC) - timedelta(hours=1))
            expected = {"record", "on-call", *tiers}
            wait_until(lambda: _receivers(history) >= expected, lambda: f"{expected}: {_receivers(history)}")
            running.send(info, ended=True)
            wait_until(lambda: "resolved" in {each.status for each in history.notifications}, "it has ended")
            assert _receivers(history) == expected


@pytest.mark.parametrize(("zone", "muted"), [(BERLIN, True), ("Asia/Tokyo", False)])
def test_alertmanager_reads_the_clock_of_the_zone(tmp_path: Path, zone: str, *, muted: bool) -> None:
    """Now is inside a window in one zone; the same times on another zone's clock are not now."""
    now = datetime.now(ZoneInfo(BERLIN))
    start, end = (f"{now + timedelta(hours=hours):%Y-%m-%d %H:%M}" for hours in (-1, 1))
    calendar = _calendar(tmp_path, f"windows: [{{name: now, from: {start}, until: {end}}}]")
    page = {"alertname": "LmsDown", "service_name": "lms", "severity": "page"}
    info = {**page, "severity": "info"}
    with Webhook(TOKEN) as history:
        platform = Platform(history.url, SecretStr(TOKEN))
        channels = Channels(maintenance_file=calendar, time_zone=zone)
        with routed(tmp_path, channels, None, platform) as running:
            running.send(page, info)
            expected = {"record"} if muted else {"record", "on-call"}
            wait_until(lambda: _receivers(history) >= expected, lambda: f"{expected}: {_receivers(history)}")
            running.send(info, ended=True)
            wait_until(lambda: "resolved" in {each.status for each in history.notifications}, "it has ended")
            assert _receivers(history) == expected


def _receivers(history: Webhook) -> set[str]:
    return {each.receiver for each in list(history.notifications)}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("windows: {}", "must have one key, `windows`, with a list"),
        ("holidays: []", "must have one key, `windows`, with a list"),
        ("windows: [1]", r"window 1 \(that is no map\): the window: must have name, from and until"),
        (
            "windows: [{name: a, from: 2026-13-01 00:00, until: 2026-12-06 02:00}]",
            r"\(a\): from: must be a local",
        ),
        ("windows: [{name: a, from: 2026-12-07 00:00, until: 2026-12-06 02:00}]", "must end after its start"),
        ("windows: [{name: a, from: 2026-12-01 00:00, until: 2026-12-30 02:00}]", "within 7 days"),
        ("windows: [{name: a, every: someday, from: '01:00', until: '02:00'}]", "'monday', 'tuesday'"),
        ("windows: [{name: a, every: monday, from: '25:00', until: '02:00'}]", "from: must be a time of day"),
        ("windows: [{name: a, every: monday, from: '02:00', until: '02:00'}]", "another time than it starts"),
        ("windows: [{name: a, until: 2026-12-06 02:00}]", "from: is missing"),
        ("windows: [{name: a, from: 2026-12-06 01:00, until: 2026-12-06 02:00, who: me}]", "who: is unknown"),
        ("windows: [", "is not valid YAML"),
        ("windows: [{name: a, name: b}]", "is not valid YAML: name is there twice"),
    ],
)
def test_a_wrong_calendar_is_refused_by_window_and_field_and_nothing_is_written(
    tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(AlertingError, match=rf"^STACK_MAINTENANCE_FILE: .*{sentence}") as caught:
        write(tmp_path, Channels(maintenance_file=_calendar(tmp_path, text)))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "alertmanager.yml").exists()
