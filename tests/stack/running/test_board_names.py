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
# What boards ask for and a stack that works never has, with the reason.
NEVER: Final[dict[str, str]] = {}


@pytest.fixture(name="emitted", scope="module")
def _emitted(stores: Stores) -> frozenset[str]:
    """The names of all series, after learners studied."""
    return frozenset(stores.names("__name__"))


def test_what_boards_use_is_emitted(emitted: frozenset[str]) -> None:
    assert sorted(USED - emitted - set(NEVER)) == []


def test_what_is_said_never_to_be_emitted_is_not(emitted: frozenset[str]) -> None:
    assert [name for name in NEVER if name in emitted or name not in USED] == []


def test_labels_and_their_values_exist(stores: Stores) -> None:
    series = Series(stores)
    found = {question.where: series.faults(question.text) for question in QUESTIONS}
    assert {where: faults for where, faults in found.items() if faults} == {}


def test_the_platform_emits_what_it_declares(stores: Stores) -> None:
    emitted = stores.names("__name__", PLATFORM)
    assert sorted(emitted - declared.names() - known.series() - {"target_info"}) == []


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
