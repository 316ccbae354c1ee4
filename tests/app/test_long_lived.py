"""A label's values never run out, however long a process lives and however often its rules change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import yaml

from app.core.settings import Settings
from app.core.telemetry import COHORTS, LMS_METRICS, RATE_LIMIT_DECISIONS, RATE_LIMIT_RULES_VALID
from app.infra.rate_limits import RulesSource, limiting
from app.infra.rate_limits.running import Follower
from app.lms.users import funnel
from otel.metrics.attributes import AnyText
from otel.metrics.catalogue import Declared
from otel.testing import Captured
from tests.app.infra.rate_limits.limiters import TABLE, asked, rule

FIXED: Final = {"check": "the platform's own and at most 20 of LMS_HEALTH_EXTERNAL, read once"}
TESTED: Final = {"cohort", "lms.rate_limit.rule", "lms.rate_limit.rules.version"}


def lost(*metrics: Declared) -> int:
    return sum(each.losses.replaced + each.losses.folded for each in metrics)


def test_what_keeps_each_label_without_a_list_few_is_known() -> None:
    """A new one needs a reason in FIXED, or a test below that lives through its values."""
    unlisted = {
        name
        for metric in LMS_METRICS
        for name, allowed in metric.declaration.attributes.items()
        if isinstance(allowed, AnyText)
    }
    assert unlisted == FIXED.keys() | TESTED


def test_the_weeks_of_two_years(telemetry: Captured) -> None:
    now = datetime(2026, 1, 5, tzinfo=UTC)
    for _ in range(104):
        now += timedelta(weeks=1)
        funnel.took("registered", now, now)
        funnel.took("enrolled", now - timedelta(weeks=30), now)
        newest = {"step": "registered", "cohort": f"{now:%G-W%V}"}
        assert telemetry.value(COHORTS.name, newest) == 1
    assert telemetry.value(COHORTS.name, {"step": "enrolled", "cohort": "older"}) == 104
    assert lost(COHORTS) == 0


async def test_hundreds_of_rules_in_many_versions_of_their_file(
    tmp_path: Path, settings: Settings, telemetry: Captured
) -> None:
    source = RulesSource(tmp_path / "limits.yml", TABLE)
    source.path.write_text(yaml.safe_dump({"rules": [rule()]}))
    async with limiting(settings, source) as limiter:
        follower = Follower(limiter, source)
        for version in range(75):
            names = [f"rule-{version}-{scope}" for scope in ("ip", "user", "global")]
            rules = [rule(name, name.rpartition("-")[2], (1000, "1h")) for name in names]
            source.path.write_text(yaml.safe_dump({"rules": rules}))
            await follower.follow()
            await limiter.decide(asked())
            in_force = {"lms.rate_limit.rules.version": limiter.rules.version}
            assert telemetry.value(RATE_LIMIT_RULES_VALID.name, in_force) == 1
            assert [
                telemetry.value(RATE_LIMIT_DECISIONS.name, {"lms.rate_limit.rule": each}) for each in names
            ] == [1, 1, 1]
    assert lost(RATE_LIMIT_DECISIONS, RATE_LIMIT_RULES_VALID) == 0
