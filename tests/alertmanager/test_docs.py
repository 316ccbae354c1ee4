"""The queries of the documentation can be pasted, and count what the text says."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from stack.settings import REPOSITORY
from tests.alertmanager.promql import parser
from tests.alertmanager.rendered import run

_BLOCK = re.compile(r"^```promql\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _queries(page: str) -> list[str]:
    return [block.strip() for block in _BLOCK.findall((REPOSITORY / "docs" / page).read_text())]


def test_every_block_of_promql_is_accepted(tmp_path: Path) -> None:
    found = [query for page in (REPOSITORY / "docs").glob("*.md") for query in _queries(page.name)]
    assert found
    with parser(tmp_path) as parse:
        for query in found:
            parse(query)


def test_minutes_without_an_answer_are_those_of_the_whole_platform(tmp_path: Path) -> None:
    """One instance of two is down for ten minutes, then both for five, then none is known for eleven."""
    (query,) = [each for each in _queries("sla.md") if 'up{job="lms"}' in each]
    series = {
        'up{job="lms", instance="a"}': "_x9 1x30 0x4 1x9 stale _x60",
        'up{job="lms", instance="b"}': "_x9 1x10 0x9 1x9 0x4 1x9 stale _x60",
        'up{job="prometheus", instance="p"}': "_x9 1x56 stale _x60",
    }
    asked = query.replace("[30d:", "[2h:")
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": asked,
                "eval_time": "2h",
                "exp_samples": [{"labels": "{}", "value": 5 + 11}],
            }
        ],
    }
    (tmp_path / "cases.yml").write_text(yaml.safe_dump({"rule_files": [], "tests": [test]}))
    ended = run("promtool", "test", "rules", tmp_path / "cases.yml")
    assert ended.returncode == 0, ended.stdout + ended.stderr
