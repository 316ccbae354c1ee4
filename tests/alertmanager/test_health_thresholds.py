"""The health checks and the alerts read one file of thresholds."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from app.core.settings.health import HealthSettings
from stack.alerting import health
from stack.alerting.sources import ENVIRONMENTS
from stack.alerting.thresholds import Thresholds


def test_every_threshold_of_the_health_checks_has_its_setting_with_its_value_as_default() -> None:
    known = Thresholds.load()
    fields = {f"LMS_{name.upper()}": field for name, field in HealthSettings.model_fields.items()}
    defaults = {name: fields[setting].default for name, setting in health.SETTINGS.items()}
    assert defaults == {name: known[name].value for name in health.SETTINGS}


def test_every_limit_of_the_health_checks_is_a_threshold() -> None:
    limits = {name for name in HealthSettings.model_fields if name.startswith(("health_max_", "health_min_"))}
    assert {f"LMS_{name.upper()}" for name in limits} == set(health.SETTINGS.values())


def test_an_environment_changes_the_platforms_settings() -> None:
    assert health.variables("staging") == {"LMS_HEALTH_MAX_CPU": "1", "LMS_HEALTH_MAX_LOAD": "16"}
    assert health.variables("elsewhere") == {}


@pytest.mark.parametrize("path", sorted(ENVIRONMENTS.glob("*.yml")), ids=lambda path: path.stem)
def test_an_overlay_says_only_what_differs(path: Path) -> None:
    usual, here = Thresholds.load(), Thresholds.load(path.stem)
    changed = {name for name in usual if usual[name].value != here[name].value}
    assert changed == set(yaml.safe_load(path.read_text())["thresholds"])
