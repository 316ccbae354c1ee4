"""Where alerting's sources are, and the words that they share."""

from __future__ import annotations

from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parent.parent.parent
ALERTING: Final = REPOSITORY / "alertmanager"
ROUTES: Final = ALERTING / "alertmanager.yml"
SLOS: Final = ALERTING / "slos.yml"
THRESHOLDS: Final = ALERTING / "thresholds.yml"
ENVIRONMENTS: Final = ALERTING / "environments"
RUNBOOKS: Final = ALERTING / "runbooks"
DASHBOARDS: Final = REPOSITORY / "grafana" / "dashboards"
RULES: Final = "rules"
CASES: Final = "tests"

OWNERS: Final = ("platform", "learning", "telemetry")
"""Who repairs what an alert is about: its label `owner`."""
