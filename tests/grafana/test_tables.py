"""The columns of tables have units, as other values do."""

from __future__ import annotations

import json
import re
from typing import Final

import pytest

from grafana.build import BOARDS
from grafana.panels import About, Query, table
from stack.alerting.thresholds import Thresholds
from tests.grafana.schemas import panels

# A unit in the head leaves the number as it is: 1500000 B/s, 0.3 ms.
NAMED: Final = re.compile(r"(^|[ ,(])(ms|s|%|B|KB|MB|KiB|MiB|B/s|bytes|seconds)\)?$")


def test_no_head_of_a_column_names_a_unit() -> None:
    thresholds = Thresholds.load()
    heads = [
        (board.uid, panel["title"], head)
        for board in BOARDS
        for panel in panels(json.loads(board.render(thresholds)))
        for change in panel.get("transformations") or []
        for head in change["options"].get("renameByName", {}).values()
    ]
    assert len(heads) > 10
    assert [each for each in heads if NAMED.search(each[-1])] == []


def test_a_unit_of_a_column_that_is_not_there_is_refused() -> None:
    about = About("Slowest routes", "How long each route takes.")
    with pytest.raises(ValueError, match="Slowest routes: units: no column is 'p59': route, p95"):
        table(about, Query("up"), columns={"route": "route", "Value": "p95"}, units={"p59": "s"})
