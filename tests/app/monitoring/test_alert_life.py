"""A long life stays whole: what is left out of it comes not back, and who acted stays known."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pytest

from app.core.telemetry import LMS_METRICS
from app.infra.stores.alertmanager import Matcher, Silence, SilenceState, SilenceStatus
from app.monitoring.alerts import life, listing
from app.monitoring.alerts.records import MOST_TRANSITIONS, AlertRecord, AlertState, Kind, fingerprint_of
from otel import docs
from stack.alerting.runbooks import SEVERITIES
from tests.app.monitoring.alert_notices import START, later

LABELS: Final = {"alertname": "LmsDown", "severity": "page"}
EXACT: Final = tuple(Matcher(name=name, value=value) for name, value in LABELS.items())


def test_each_kind_of_step_and_each_severity_is_declared_where_it_is_counted() -> None:
    """A value that is not declared would be counted under another name."""
    metrics = {
        name: metric.attributes
        for name, metric in docs.declared([LMS_METRICS]).items()
        if name.startswith("lms_alert_")
    }
    assert metrics["lms_alert_transitions_total"]["kind"] == tuple(Kind)
    assert {each["severity"] for each in metrics.values() if "severity" in each} == {tuple(SEVERITIES)}
    assert tuple(SEVERITIES) == listing.SEVERITIES


def silence(began: float, ended: float, *matchers: Matcher, expired: bool = True) -> Silence:
    return Silence(
        id=f"silence-{began}",
        matchers=list(matchers or EXACT[:1]),
        starts_at=later(began),
        ends_at=later(ended),
        updated_at=later(began),
        created_by="somebody",
        comment="",
        status=SilenceStatus(state=SilenceState.EXPIRED if expired else SilenceState.ACTIVE),
    )


def firing() -> AlertRecord:
    return life.begun(life.Firing(fingerprint_of(LABELS), LABELS, {}, START))


def eventful() -> AlertRecord:
    record = life.notified(firing(), "on-call", later(1), resolved=False)
    for number in range(100):
        record = life.inhibited(record, ["other"], later(10 * number + 2))
        record = life.inhibited(record, [], later(10 * number + 4))
        if number == 50:
            record = life.notified(record, "escalation-second-line", later(10 * number + 5), resolved=False)
    return record


def test_who_was_notified_and_who_acted_is_never_left_out() -> None:
    silences = [silence(505.5 + 10 * number, 507.5 + 10 * number) for number in range(20)]
    record = life.silenced(eventful(), silences)
    kinds = [each.kind for each in record.transitions]
    assert {Kind.FIRING, Kind.NOTIFIED, Kind.ESCALATED} <= set(kinds)
    assert kinds.count(Kind.ACKNOWLEDGED) == kinds.count(Kind.SILENCE_ENDED) == 20
    assert len(kinds) <= MOST_TRANSITIONS
    assert record.omitted + len(kinds) == 1 + 1 + 200 + 1 + 40
    assert record.state is AlertState.ACTIVE


def test_what_was_left_out_comes_not_back() -> None:
    before_it_fired = [silence(-1000 + number, 300 + number) for number in range(80)]
    again = life.notified(eventful(), "escalation-second-line", later(2000), resolved=False)
    assert again == eventful()
    record = life.silenced(life.silenced(firing(), before_it_fired), before_it_fired)
    assert record.omitted > 0
    assert life.silenced(record, before_it_fired) == record
    active = silence(-5, 9000, expired=False)
    assert life.silenced(record, [active]).state is AlertState.SILENCED


@pytest.mark.parametrize(
    ("made", "matchers", "kind"),
    [
        pytest.param(1, EXACT[:1], Kind.ACKNOWLEDGED, id="afterwards"),
        pytest.param(-20, EXACT, Kind.ACKNOWLEDGED, id="for this alert, by a clock that is behind"),
        pytest.param(-20, EXACT[:1], Kind.SILENCED, id="for all of this name, before"),
        pytest.param(-3600, EXACT, Kind.SILENCED, id="for this alert, long before"),
    ],
)
def test_a_silence_for_one_alert_answers_it(made: float, matchers: tuple[Matcher, ...], kind: Kind) -> None:
    record = life.silenced(firing(), [silence(made, made + 9000, *matchers, expired=False)])
    assert record.transitions[-1].kind is kind
    assert record.transitions[-1].at - START <= timedelta(seconds=1)
