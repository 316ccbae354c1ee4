"""What the panels of boards say: thresholds as people read them, states of single values and of ranges."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana import log_queries, looks
from grafana.__main__ import main
from grafana.board import Row
from grafana.panels import About, Limit, Panel, Query, bars, lines, logs, stat, table, words
from stack.alerting import AlertingError
from stack.alerting.thresholds import Thresholds
from tests.grafana.sample import BOARD

SHARED = Thresholds.load()
USER = log_queries.lines(log_queries.equal("user.id", "5"))
OF_ALL = About("Errors", "Of all.")


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
        bars(About("Errors", "Of all.", limit=Limit("api_errors_mni")), Query("up")),
    ],
)
def test_an_unknown_threshold_is_refused_with_the_panel_that_has_it(
    panel: Panel, capsys: pytest.CaptureFixture[str]
) -> None:
    board = replace(BOARD, rows=(Row("Now", (panel,)),))
    with pytest.raises(AlertingError) as refused:
        board.render(SHARED)
    said = r"sample: 'Errors': .*api_errors_mni.* is (in )?no threshold\. Do you mean api_errors_min\?"
    assert re.fullmatch(said, str(refused.value))
    assert main(["check"], [board]) == 2
    assert str(refused.value) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("panel", "said"),
    [
        (
            logs(OF_ALL, Query(USER, source="logs")),
            f"query A: {log_queries.unknown(USER)}",
        ),
        (
            table(OF_ALL, Query("up"), columns={"job": "job"}, units={"jobs": "s"}),
            "units: no column is 'jobs': name one of job.",
        ),
        (lines(OF_ALL), "it has no query: give it one."),
        (
            stat(OF_ALL, Query("up"), states={"<=none": ("spent", looks.BAD)}),
            "states: '<=none' is no range: write it like <=0.",
        ),
    ],
)
def test_a_mistake_in_a_panel_is_told_with_the_panel_that_has_it(
    panel: Panel, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check"], [replace(BOARD, rows=(Row("Now", (panel,)),))]) == 2
    assert capsys.readouterr().err == f"sample: 'Errors': {said}\n"


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
