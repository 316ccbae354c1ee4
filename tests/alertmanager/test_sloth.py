"""Our burn rates against sloth's, for one objective: on the same requests they fire at the same times."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml

from stack.alerting import burn_rates, slos
from tests.alertmanager.rendered import rule_files, run

SLOTH: Final = Path(__file__).with_name("sloth")
NAMES: Final = {"page": "SloBurnFast", "warning": "SloBurnSlow"}
SERIES: Final = (
    'http_server_request_duration_seconds_count{{service_name="lms", instance="a", '
    'http_request_method="POST", http_route="/api/v1/auth/login", {}}}'
)
GOOD: Final = SERIES.format('http_response_status_code="200"')
BAD: Final = SERIES.format('http_response_status_code="503", error_type="503"')
A_MINUTE: Final = 1000
# Minutes between two looks: of hours, of days.
FINE, COARSE = 2, 10
# Minutes by which the two may differ; our windows of days are sums of five-minute counts.
LATER: Final = {"SloBurnFast": 2, "SloBurnSlow": 10}
FIRED: Final = re.compile(r"alertname: (\w+), time: (?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:0s)?,")
DAY, HOUR = 24 * 60, 60


class Stretch(NamedTuple):
    """Some minutes in which this share of the requests fails."""

    minutes: int
    failing: float


def _rules(folder: Path) -> dict[str, Path]:
    """Writes our rules and sloth's of the same objective, each pair of windows under the same name."""
    [login] = [slo for slo in slos.load() if slo.name == "login-availability"]
    [source] = [path for path in rule_files() if path.name == "slo.yml"]
    alerts = yaml.safe_load(source.read_text())["groups"]
    for rule in alerts[0]["rules"]:
        rule.pop("keep_firing_for")  # sloth has none
    sloth = yaml.safe_load((SLOTH / "rules.yml").read_text())
    for rule in (rule for group in sloth["groups"] for rule in group["rules"] if "alert" in rule):
        rule["alert"] = NAMES[rule["labels"]["severity"]]
    made = {"ours": {"groups": burn_rates.groups((login,)) + alerts}, "sloth": sloth}
    for name, content in made.items():
        (folder / f"{name}.yml").write_text(yaml.safe_dump(content))
    return {name: folder / f"{name}.yml" for name in made}


def _counters(stretches: list[Stretch]) -> list[dict[str, str]]:
    """Returns both counters of these minutes, a sample every two."""
    good, bad, totals = ["0"], ["0"], [0.0, 0.0]
    for minutes, failing in stretches:
        for values, place, each in ((good, 0, A_MINUTE * (1 - failing)), (bad, 1, A_MINUTE * failing)):
            values.append(f"{totals[place] + 2 * each:g}+{2 * each:g}x{minutes // 2 - 1}")
            totals[place] += minutes * each
    return [{"series": GOOD, "values": " ".join(good)}, {"series": BAD, "values": " ".join(bad)}]


def _fired(rules: Path, stretches: list[Stretch], step: int) -> dict[str, set[int]]:
    """Returns the minutes at which each alert fires: promtool reports each that contradicts silence."""
    minutes = range(step, sum(each.minutes for each in stretches), step)
    silence: list[dict[str, Any]] = [
        {"eval_time": f"{minute}m", "alertname": name, "exp_alerts": []}
        for minute in minutes
        for name in NAMES.values()
    ]
    case = {"interval": "2m", "input_series": _counters(stretches), "alert_rule_test": silence}
    test = rules.with_suffix(".test.yml")
    test.write_text(
        yaml.safe_dump(
            {"rule_files": [rules.name], "evaluation_interval": "2m", "tests": [case]}, width=10000
        )
    )
    done = run("promtool", "test", "rules", test)
    found: dict[str, set[int]] = {name: set() for name in NAMES.values()}
    for name, days, hours, rest in FIRED.findall(done.stdout + done.stderr):
        found[name].add(int(days or 0) * DAY + int(hours or 0) * HOUR + int(rest or 0))
    assert (done.returncode == 0) == (not any(found.values())), done.stdout + done.stderr
    return found


@pytest.mark.parametrize(
    ("stretches", "fires"),
    [
        pytest.param(
            [Stretch(6 * HOUR, 0), Stretch(2 * HOUR, 0.03), Stretch(HOUR, 0)],
            {"SloBurnFast", "SloBurnSlow"},
            id="three in a hundred for two hours",
        ),
        pytest.param(
            [Stretch(6 * HOUR, 0), Stretch(5 * HOUR, 0.01), Stretch(2 * HOUR, 0)],
            {"SloBurnFast", "SloBurnSlow"},
            id="one in a hundred for hours",
        ),
        pytest.param(
            [Stretch(DAY, 0), Stretch(DAY, 0.004), Stretch(12 * HOUR, 0)],
            {"SloBurnSlow"},
            id="a slow burn",
            marks=pytest.mark.long,
        ),
        pytest.param(
            [Stretch(DAY, 0), Stretch(DAY, 0.0009)], set(), id="within the budget", marks=pytest.mark.long
        ),
    ],
)
def test_burns_alert_when_sloths_do(tmp_path: Path, stretches: list[Stretch], fires: set[str]) -> None:
    rules = _rules(tmp_path)
    step = FINE if sum(each.minutes for each in stretches) < DAY else COARSE
    ours, sloths = (_fired(rules[name], stretches, step) for name in ("ours", "sloth"))
    assert {name for name, minutes in sloths.items() if minutes} == fires
    for name in NAMES.values():
        most = max(step, LATER[name])
        assert _beyond(ours[name], sloths[name], most) == set(), name
        assert _beyond(sloths[name], ours[name], most) == set(), name


def _beyond(some: set[int], others: set[int], most: int) -> set[int]:
    """Returns the minutes at which the others do not fire, nor up to ``most`` minutes before or after."""
    return {each for each in some if not others & set(range(each - most, each + most + 1))}
