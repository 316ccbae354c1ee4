"""A week of the platform replayed over all rules by promtool: who is paged, and who is not."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

import pytest
import yaml

from tests.alertmanager.rendered import rule_files, run
from tests.alertmanager.week import (
    DAY,
    ROUTES,
    WEEK,
    Week,
    busy,
    notation,
)

STEP = 5  # minutes between two evaluations
# Always there, and their figures are none of this week's.
UP = ("collector", "canary", "prometheus", "alertmanager", "jaeger", "victorialogs")
# A page may end later than what it is about: the windows of burn rates, and keep_firing_for.
AFTER = 45
NOTICED = 10  # minutes in which an incident must page
_FIRING = re.compile(r"time: (\S+),\s*exp: nil\s*got: (.*)")
_ALERT = re.compile(r"ALERTS\", ([^}]*)\}")
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_PART = re.compile(r"(\d+)([wdhm])")
_MINUTES = {"w": WEEK, "d": DAY, "h": 60, "m": 1}

Firing = Mapping[tuple[str, str], list[int]]
"""Minutes of the week at which an alert fires, by severity and name; one entry per series."""


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
            values = [round(60 * most * busy(minute + shift)) for minute in range(WEEK)]
            yield f'anomaly:value:past{{anomaly_name="{name}", {labels}}}', values
        yield f'anomaly:value:past{{anomaly_name="latency", {labels}}}', [0.1] * WEEK
    yield "lms:conversion_usual:ratio6h", [0.4] * WEEK


def _document() -> dict[str, object]:
    files = rule_files()
    groups = [group["name"] for path in files for group in yaml.safe_load(path.read_text())["groups"]]
    always = [("system_cpu_load_average_1m", [1.0] * WEEK)]
    always += [(f'up{{job="{job}", instance="{job}:1"}}', [1.0] * WEEK) for job in UP]
    series = [(name, notation(values)) for name, values in (*always, *_recorded())]
    series += [(name, notation(values)) for name, values in Week().series()]
    expected = {"expr": 'ALERTS{alertstate="firing", alertname!="Watchdog"}', "exp_samples": []}
    return {
        "rule_files": [str(path) for path in files],
        "evaluation_interval": f"{STEP}m",
        "group_eval_order": sorted(
            groups, key=lambda name: name not in {"usual", "slo-counters", "slo-counts"}
        ),
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series],
                "promql_expr_test": [
                    {**expected, "eval_time": f"{minute}m"} for minute in range(0, WEEK, STEP)
                ],
            }
        ],
    }


def _minute(text: str) -> int:
    return sum(int(number) * _MINUTES[unit] for number, unit in _PART.findall(text))


def _firing(output: str) -> Firing:
    found: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for when, samples in _FIRING.findall(output):
        for labels in map(dict, map(_LABEL.findall, _ALERT.findall(samples))):
            found[labels["severity"], labels["alertname"]].append(_minute(when))
    return found


@pytest.fixture(name="firing", scope="module")
def _replayed(tmp_path_factory: pytest.TempPathFactory) -> Firing:
    path = tmp_path_factory.mktemp("replay") / "week.yml"
    path.write_text(yaml.dump(_document(), Dumper=yaml.CSafeDumper, width=10**9))
    done = run("promtool", "test", "rules", path)
    return _firing(done.stdout + done.stderr)
