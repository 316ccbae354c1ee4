"""What the panels of boards say: thresholds as people read them, states of single values and of ranges."""

from __future__ import annotations

import json
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana import looks
from grafana.panels import About, Panel, Query, bars, words
from stack.alerting import AlertingError
from stack.alerting.thresholds import Thresholds

SHARED = Thresholds.load()


def test_a_text_has_the_thresholds_of_the_alerts() -> None:
    least = SHARED["api_errors_min"]
    about = About("Errors", "From ${api_errors_min:text} on.", empty="fewer than ${api_errors_min}")
    panel = bars(about, Query("up > ${api_errors_min}")).built(SHARED).build()
    assert panel.description == f"From {least.text} on."
    assert panel.field_config.defaults.no_value == f"fewer than {least.number}"
    assert [target.expr for target in panel.targets] == [f"up > {least.number}"]


@pytest.mark.parametrize(
    "panel",
    [
        words(About("Errors", "From ${api_errors_mni:text} on."), "Words."),
        bars(About("Errors", "From ${api_errors_mni:text} on."), Query("up")),
        bars(About("Errors", "Of all.", empty="from ${api_errors_mni:text} on"), Query("up")),
        bars(About("Errors", "Of all."), Query("up > ${api_errors_mni:text}")),
    ],
)
def test_an_unknown_threshold_is_refused_with_the_panel_that_has_it(panel: Panel) -> None:
    with pytest.raises(AlertingError, match=r"Errors: \$\{api_errors_mni:text\} is in no threshold"):
        panel.built(SHARED)


def test_a_state_is_a_value_or_all_up_to_one() -> None:
    value, spent = looks.states({"1": ("degraded", looks.WARN), "<=0": ("", looks.BAD)})
    assert _content(value)["options"] == {"1": {"text": "degraded", "color": looks.WARN, "index": 0}}
    assert _content(spent)["options"] == {
        "from": -1e12,
        "to": 0,
        "result": {"color": looks.BAD, "index": 1},
    }


def _content(mapping: object) -> dict[str, Any]:
    return dict(json.loads(json.dumps(mapping, cls=JSONEncoder)))


@pytest.mark.parametrize(("unit", "most"), [("percentunit", 1), ("short", None)])
def test_the_bars_of_shares_end_at_the_whole(unit: str, most: float | None) -> None:
    panel = bars(About("Shares", "Of something.", unit=unit), Query("up"))
    assert panel.built(SHARED).build().field_config.defaults.max_val == most
