"""Which alert is kept from people because another one explains it, by a running Alertmanager."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from stack.alerting import Channels
from stack.alerting.channels import SOURCE
from tests.alertmanager import rendered
from tests.alertmanager.routed import Routed, labels_of, routed
from tests.programs import wait_until

CONTROL: Final = [
    {"alertname": "Control", "service_name": "control", "severity": severity}
    for severity in ("page", "warning")
]

OUTAGE: Final = labels_of("RecentOutage")


@pytest.fixture(name="running")
def _running(tmp_path: Path) -> Iterator[Routed]:
    with routed(tmp_path, Channels()) as found:
        yield found


def _rules() -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = yaml.safe_load(SOURCE.read_text())["inhibit_rules"]
    return rules


OPTIONAL: Final = {"host_name"}
PAIRS: Final = [
    ({**labels_of("HostDiskFull"), "host_name": "a"}, {**labels_of("HostCpuBusy"), "host_name": "a"}, True),
    ({**labels_of("HostDiskFull"), "host_name": "a"}, {**labels_of("HostCpuBusy"), "host_name": "b"}, False),
    (labels_of("LmsDown"), labels_of("LoginsFail"), True),
    (labels_of("LmsDown"), labels_of("TrafficFellAway"), True),
    (labels_of("LmsDown"), labels_of("CollectorDown"), False),
    (labels_of("DatabaseDown"), labels_of("ApiErrors"), True),
    (labels_of("DatabaseDown"), labels_of("LmsDown"), False),
    (labels_of("DatabaseDown"), labels_of("CollectorDown"), False),
    (labels_of("RedisDown"), labels_of("ApiErrors"), False),
    (labels_of("LoginsFail"), labels_of("LmsDown"), False),
    (labels_of("CollectorDown"), labels_of("TelemetryCanaryLost"), True),
    (labels_of("PushedMetricsStopped"), labels_of("TelemetryCanaryLost"), True),
    (labels_of("CollectorDown"), labels_of("SloDataAbsent"), True),
    (labels_of("CollectorDown"), labels_of("PushedMetricsStopped"), True),
    (labels_of("PushedMetricsStopped"), labels_of("CollectorDown"), False),
    (labels_of("CollectorDown"), labels_of("LmsDown"), False),
    (labels_of("CollectorSinkUnreachable"), labels_of("TelemetryCanaryLost"), False),
    ({**OUTAGE, "cause": "DatabaseDown"}, {**labels_of("SloBurnFast"), "slo": "api"}, True),
    ({**OUTAGE, "cause": "LmsDown"}, labels_of("ApiErrors"), True),
    ({**OUTAGE, "cause": "DatabaseDown"}, labels_of("LmsDown"), False),
    ({**OUTAGE, "cause": "DatabaseDown"}, labels_of("LmsFlapping"), False),
    ({**OUTAGE, "cause": "DatabaseDown"}, labels_of("TelemetryCanaryLost"), False),
    ({**OUTAGE, "cause": "CollectorDown"}, labels_of("TelemetryCanaryLost"), True),
    ({**OUTAGE, "cause": "CollectorDown"}, labels_of("ApiErrors"), False),
    ({**OUTAGE, "slo": "api"}, {**labels_of("SloBurnFast"), "slo": "api"}, True),
    ({**OUTAGE, "slo": "api"}, {**labels_of("SloBurnFast"), "slo": "login"}, False),
    ({**OUTAGE, "slo": "api"}, labels_of("ApiErrors"), False),
    (labels_of("CollectorDown"), labels_of("CollectorQueueFilling"), True),
    (labels_of("CollectorDown"), labels_of("HostDiskFilling"), False),
    ({"alertname": "A", "severity": "page"}, {"alertname": "B", "severity": "warning"}, False),
    ({**labels_of("SloBurnFast"), "slo": "api"}, {**labels_of("SloBurnSlow"), "slo": "api"}, True),
    (
        {**labels_of("SloBurnFast"), "slo": "api", "service_name": "x"},
        {**labels_of("SloBurnSlow"), "slo": "login"},
        False,
    ),
    (
        {"alertname": "A", "burnrate_tier": "fast", "severity": "page"},
        {"alertname": "B", "burnrate_tier": "slow", "severity": "warning"},
        False,
    ),
]


def _id(source: dict[str, str], target: dict[str, str], hushed: object) -> str:
    found = [each.get(name) for each in (source, target) for name in ("alertname", "cause", "slo")]
    return "-".join([*filter(None, found), str(hushed)])


@pytest.mark.parametrize(("source", "target", "hushed"), PAIRS, ids=[_id(*each) for each in PAIRS])
def test_an_alert_inhibits_only_what_it_explains(
    running: Routed, source: dict[str, str], target: dict[str, str], *, hushed: bool
) -> None:
    running.send(source, target, *CONTROL, notes={"summary": "x"})
    wait_until(lambda: bool(running.inhibitors(CONTROL[1])), "the inhibitor has seen the alerts")
    assert bool(running.inhibitors(target)) == hushed
    assert not (hushed and running.inhibitors(source))


def test_an_acknowledged_cause_still_inhibits(running: Routed) -> None:
    cause, consequence = labels_of("LmsDown"), labels_of("LoginsFail")
    running.send(cause, consequence)
    running.acknowledge(cause)
    wait_until(lambda: bool(running.inhibitors(consequence)), "the cause inhibits")


def test_every_inhibition_has_a_name_and_concerns_alerts_that_exist() -> None:
    rules = _rules()
    assert len({rule["name"] for rule in rules}) == len(rules)
    text = " ".join(
        matcher for rule in rules for matcher in rule["source_matchers"] + rule["target_matchers"]
    )
    named = {name for value in re.findall(r'alertname!?=~?"([\w|]+)"', text) for name in value.split("|")}
    assert named
    assert named <= set(rendered.alerts())


def test_a_label_that_must_be_equal_is_required_to_exist() -> None:
    for rule in _rules():
        matched = re.findall(r'(\w+)!?=~?"', " ".join(rule["source_matchers"] + rule["target_matchers"]))
        assert set(rule.get("equal", [])) - OPTIONAL <= set(matched), rule["name"]
