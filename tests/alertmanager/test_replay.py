"""A week of the platform replayed over all rules by promtool: who is paged, and who is not.

With a step of five minutes, windows of five minutes over what rules record have one sample and no result: a
fast burn shows in the pair of 6 hours and 30 minutes alone, and SloDataAbsent fires. The long form evaluates
every minute.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import pytest
import yaml

from stack.native.tools import tool_path
from tests.alertmanager.rendered import rule_files
from tests.alertmanager.week import DAY, EXAM, HOLIDAY, OUTAGE, ROUTES, SLOW, WEEK, Span, Week, busy, notation

# One run of promtool takes two minutes of a processor; the long form, ten.
pytestmark = pytest.mark.timeout(7200)

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
# There all the time.
UP = ("collector", "canary", "prometheus", "alertmanager", "jaeger", "victorialogs")
ALWAYS = {"system_cpu_load_average_1m": 1.0, **{f'up{{job="{job}", instance="{job}:1"}}': 1.0 for job in UP}}
# Grow by one a minute.
COUNTED = (
    'lms_submission_checks_total{service_name="lms", instance="lms-1", outcome="found"}',
    'telemetry_canary_delay_seconds_count{instance="canary:1", signal="traces"}',
    'telemetry_canary_delay_seconds_bucket{instance="canary:1", signal="traces", le="60.0"}',
)
NEVER = (
    'lms_submission_checks_total{service_name="lms", instance="lms-1", outcome="missing"}',
    'telemetry_canary_lost_total{instance="canary:1", signal="traces"}',
    'telemetry_canary_failures_total{instance="canary:1", signal="traces", stage="send"}',
)
# A page may end later than what it is about: windows of burn rates, and keep_firing_for.
AFTER = 45
# Minutes within which an incident pages: slow answers burn a budget, which takes longer than an outage.
NOTICED = 15
_FIRING = re.compile(r"time: (\S+),\s*exp: nil\s*got: (.*)")
_ALERT = '__name__="ALERTS"'
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_PART = re.compile(r"(\d+)([wdhm])")
_MINUTES = {"w": WEEK, "d": DAY, "h": 60, "m": 1}

Firing = Mapping[tuple[str, str], list[int]]
"""Minutes of the week at which an alert fires, by severity and name."""


def _recorded() -> Iterator[tuple[str, list[float]]]:
    """Yields what usual.yml records if all weeks before were ordinary."""
    hourly = {
        "requests": sum(most for most, _ in ROUTES.values()),
        "logins": 14.7,
        "registrations": 1.9,
        "enrollments": 3.6,
        "submissions": 9.8,
    }
    for hours in ("-1", "0", "+1"):
        shift = 60 * int(hours) - 30  # the value of a minute is the hour's that ends with it
        labels = f'weeks="2", hours="{hours}"'
        for name, most in hourly.items():
            values = [float(round(60 * most * busy(minute + shift))) for minute in range(WEEK)]
            yield f'anomaly:value:past{{anomaly_name="{name}", {labels}}}', values
        yield f'anomaly:value:past{{anomaly_name="latency", {labels}}}', [0.1] * WEEK
    yield "lms:conversion_usual:ratio6h", [0.4] * WEEK


def _document(step: int) -> dict[str, object]:
    """Returns the week as promtool reads it; evaluated every ``step`` minutes."""
    files = rule_files()
    groups = [group["name"] for path in files for group in yaml.safe_load(path.read_text())["groups"]]
    series = [(name, notation(values)) for name, values in [*_recorded(), *Week().series()]]
    series += [(name, f"{value:g}x{WEEK}") for name, value in ALWAYS.items()]
    series += [(name, f"0+1x{WEEK}") for name in COUNTED] + [(name, f"0x{WEEK}") for name in NEVER]
    firing = {"expr": 'ALERTS{alertstate="firing", alertname!="Watchdog"}', "exp_samples": []}
    first = ("usual", "slo-counters", "slo-counts")
    return {
        "rule_files": [str(path) for path in files],
        "evaluation_interval": f"{step}m",
        "group_eval_order": sorted(groups, key=lambda name: name not in first),
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series],
                "promql_expr_test": [
                    {**firing, "eval_time": f"{minute}m"} for minute in range(0, WEEK, step)
                ],
            }
        ],
    }


def _minute(text: str) -> int:
    return sum(int(number) * _MINUTES[unit] for number, unit in _PART.findall(text))


def _read(output: str) -> Firing:
    """Returns what promtool found where nothing was expected."""
    found: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for when, samples in _FIRING.findall(output):
        for each in samples.split(_ALERT)[1:]:
            labels = dict(_LABEL.findall(each))
            found[labels["severity"], labels["alertname"]].append(_minute(when))
    return found


@pytest.fixture(name="firing", scope="module", params=[5, pytest.param(1, marks=pytest.mark.long)])
def _replayed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Firing:
    path = tmp_path_factory.mktemp("replay") / "week.yml"
    path.write_text(yaml.dump(_document(request.param), Dumper=yaml.CSafeDumper, width=10**9))
    command = [str(tool_path("promtool")), "test", "rules", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=7200)
    output = done.stdout + done.stderr
    assert "err: " not in output, output[:2000]
    return _read(output)


def _episodes(minutes: Iterable[int]) -> list[Span]:
    """Joins the minutes at which an alert fired, five or less apart."""
    found: list[Span] = []
    for minute in sorted(set(minutes)):
        if found and minute <= found[-1].end + 5:
            found[-1] = Span(found[-1].start, minute)
        else:
            found.append(Span(minute, minute))
    return found


def _shown(minute: int) -> str:
    day, rest = divmod(minute, DAY)
    return f"{DAYS[day]} {rest // 60:02}:{rest % 60:02}"


def report(firing: Firing) -> str:
    """Returns one line for each alert: how often it fires, and when."""
    lines = []
    for (severity, name), minutes in sorted(firing.items()):
        spans = _episodes(minutes)
        times = ", ".join(f"{_shown(each.start)}-{_shown(each.end)[4:]}" for each in spans)
        lines.append(f"{severity:8} {name:26} {len(spans):3} times: {times}")
    return "\n".join(lines)


def _belongs(page: Span) -> bool:
    incidents = [Span(each.start, each.end + AFTER) for each in (OUTAGE, SLOW)]
    return any(page.start in each and page.end in each for each in incidents)


def test_people_are_paged_for_the_two_incidents_and_for_nothing_else(firing: Firing) -> None:
    sys.stdout.write(report(firing) + "\n")
    pages = {name: _episodes(minutes) for (severity, name), minutes in firing.items() if severity == "page"}
    for incident in (OUTAGE, SLOW):
        noticed = Span(incident.start, incident.start + NOTICED + 1)
        assert any(each.start in noticed for spans in pages.values() for each in spans), incident
    others = {name: [each for each in spans if not _belongs(each)] for name, spans in pages.items()}
    assert {name: spans for name, spans in others.items() if spans} == {}
    assert {"DatabaseDown", "SloBurnFast"} <= set(pages)


def test_an_exam_and_a_holiday_are_for_the_record(firing: Firing) -> None:
    noticed = firing["info", "AnomalyDetected"]
    assert any(minute in EXAM for minute in noticed)
    assert any(minute in HOLIDAY for minute in noticed)
