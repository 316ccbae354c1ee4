"""What scales the platform in Kubernetes asks for what is recorded, and agrees with the rule's threshold."""

from __future__ import annotations

from typing import Any

import yaml

from stack.alerting.thresholds import Thresholds
from stack.settings import REPOSITORY
from tests.alertmanager.rendered import every_rule

SCALER = REPOSITORY / "stack" / "kubernetes" / "platform-keda.yaml"


def _trigger() -> dict[str, Any]:
    (trigger,) = yaml.safe_load(SCALER.read_text())["spec"]["triggers"]
    found: dict[str, Any] = trigger["metadata"]
    return found


def test_it_asks_for_a_recorded_rule() -> None:
    recorded = {rule["record"] for rule in every_rule() if "record" in rule}
    assert _trigger()["query"] == 'avg(service:scale_pressure:ratio{service_name="lms"})'
    assert "service:scale_pressure:ratio" in recorded


def test_its_threshold_is_the_value_at_which_the_rule_holds_still() -> None:
    assert _trigger()["threshold"] == Thresholds.load()["scale_pressure"].number


def test_a_prometheus_without_a_value_is_an_error_and_no_zero() -> None:
    assert _trigger()["ignoreNullValues"] == "false"


def test_the_fallback_is_between_least_and_most() -> None:
    spec = yaml.safe_load(SCALER.read_text())["spec"]
    assert spec["minReplicaCount"] <= spec["fallback"]["replicas"] <= spec["maxReplicaCount"]
