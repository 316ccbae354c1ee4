"""The columns of tables have units, as other values do."""

from __future__ import annotations

import json
import re
from typing import Final

from grafana.build import BOARDS
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
