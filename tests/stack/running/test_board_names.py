"""A closed graph of names: used in boards ⊆ emitted at run time ⊆ declared; emitted for nothing is listed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from grafana.lint import foreign, known
from stack.alerting import declared
from tests.stack.running.asked import QUESTIONS, USED
from tests.stack.running.series import Series
from tests.stack.running.stores import Stores

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("studied")]

PLATFORM: Final = '{job="stegmaier/lms"}'
# What the Collector counts of the platform's spans.
COLLECTORS: Final = "traces_span_metrics_"
_USUAL: Final = "needs two weeks from which to learn what is usual"
_HANDLED: Final = "needs an alert that was notified, acknowledged or resolved"
_FAULT: Final = "needs a fault of the database"
# What boards ask for and a stack of a minute need not have, with the reason.
LATER: Final[dict[str, str]] = {
    **dict.fromkeys(["anomaly:value:lower", "anomaly:value:median", "anomaly:value:upper"], _USUAL),
    "lms:conversion:ratio6h": "needs conversion_minimum registrations",
    "lms:conversion_usual:ratio6h": _USUAL,
    **{
        f"lms_alert_time_to_{what}_seconds_{part}": _HANDLED
        for what in ("acknowledge", "notify", "resolve")
        for part in ("count", "sum")
    },
    "mountpoint:filesystem_full:hours": "needs a disk that fills",
    "db_client_connection_timeouts_total": _FAULT,
    "operation:db_call_failures:increase5m": _FAULT,
}


@pytest.fixture(name="emitted", scope="module")
def _emitted(stores: Stores) -> frozenset[str]:
    """The names of all series, after learners studied."""
    return frozenset(stores.names("__name__"))


def test_what_boards_use_is_emitted(emitted: frozenset[str]) -> None:
    silent = sorted(USED - emitted - set(LATER))
    assert silent == [], "\n".join(silent)


def test_what_may_come_later_is_used_and_declared() -> None:
    """Else the list hides a name that somebody misspells next."""
    assert sorted(set(LATER) - USED) == []
    assert sorted(set(LATER) - known.series()) == []


def test_labels_and_their_values_exist(stores: Stores) -> None:
    series = Series(stores)
    found = {question.where: series.faults(question.text) for question in QUESTIONS}
    assert {where: faults for where, faults in found.items() if faults} == {}


def test_the_platform_emits_what_it_declares(stores: Stores) -> None:
    emitted = stores.names("__name__", PLATFORM)
    own = {name for name in emitted if not name.startswith(COLLECTORS)}
    assert sorted(own - declared.names() - {"target_info"}) == []


def test_other_programs_emit_what_lint_believes(emitted: frozenset[str]) -> None:
    assert sorted(set(foreign.FOREIGN) - emitted) == []
    assert sorted(set(foreign.FOREIGN) - USED) == []


def test_what_nobody_looks_at_is_listed(
    stores: Stores, record_property: Callable[[str, object], None]
) -> None:
    emitted = stores.names("__name__", PLATFORM)
    idle = sorted(emitted - USED - known.asked())
    record_property("note", f"emitted, but in no board and no rule ({len(idle)}): {', '.join(idle)}")
    assert len(idle) < len(emitted)
