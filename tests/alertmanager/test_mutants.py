"""Each small fault in a rule is noticed by one of its cases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from zlib import crc32

import pytest
import yaml

from tests.alertmanager import rendered
from tests.alertmanager.mutants import Rule, mutants, seconds
from tests.alertmanager.mutation import Batch, batches
from tests.alertmanager.promql import Node, NotPromqlError, parser, text

# Mutants that mean the same as the rule, with the reason: (rule, fault) as a failing test prints them.
EQUIVALENT: dict[tuple[str, str], str] = {
    ("Watchdog", "1 times 0.8"): "it fires for any value, and shows none",
    ("Watchdog", "1 times 1.25"): "as before",
    ("slo:error_budget_left:days", "> 0 is >= 0"): "without events there is no pace, either",
}
# Every fourth rule by its name's checksum, the same ones each time: all of them take minutes.
SAMPLE = 4

Parse = Callable[[str], Node]


@pytest.fixture(name="parse", scope="module")
def _parse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parse]:
    with parser(tmp_path_factory.mktemp("parser")) as parse:
        yield parse


@pytest.fixture(name="batches", scope="module")
def _batches(parse: Parse) -> dict[tuple[str, str], Batch]:
    return {(batch.file, _title(batch.rule)): batch for batch in batches(rendered.tested(), parse)}


def _title(rule: Rule) -> str:
    """Returns the rule's name, and what tells it from others that record that name, such as its objective."""
    name = str(rule.get("alert") or rule["record"])
    labels = rule.get("labels") or {}
    return " ".join(filter(None, (name, *map(labels.get, ("slo", "reason", "part", "signal")))))


def _rules() -> list[tuple[str, str]]:
    return [
        (path.name, _title(rule))
        for path in rendered.rule_files()
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    ]


RULES = [
    pytest.param(file, title, id=title, marks=[pytest.mark.long] if crc32(title.encode()) % SAMPLE else [])
    for file, title in _rules()
]


@pytest.mark.parametrize(("file", "title"), RULES)
def test_a_fault_in_a_rule_is_noticed(batches: dict[tuple[str, str], Batch], file: str, title: str) -> None:
    batch = batches.get((file, title))
    faults = [mutant.fault for mutant in batch.survivors()] if batch else []
    assert [fault for fault in faults if (title, fault) not in EQUIVALENT] == []


def test_no_two_rules_are_judged_as_one() -> None:
    assert len(set(_rules())) == len(_rules())


def test_no_equivalent_mutant_is_listed_that_does_not_exist(batches: dict[tuple[str, str], Batch]) -> None:
    made = {(_title(batch.rule), mutant.fault) for batch in batches.values() for mutant in batch.made}
    assert set(EQUIVALENT) <= made


def test_text_of_a_syntax_tree_is_the_same_expression(parse: Parse) -> None:
    for rule in rendered.every_rule():
        tree = parse(rule["expr"])
        assert parse(text(tree)) == tree


EXPRESSION = """
sum by (job, instance) (rate(a_total{x="y", z!~"b|c"}[5m] offset 1w)) / on (job) group_left (kind)
count without (x) ({__name__=~"a|b"} @ end()) >= bool 0.5 * 2
or -(quantile(0.9, max_over_time(b[1h:5m])) == 3)
unless ignoring (q) label_replace(a, "x", "\\"$1", "y", "(.*)")
"""


def test_every_form_of_an_expression_is_written(parse: Parse) -> None:
    tree = parse(EXPRESSION)
    assert parse(text(tree)) == tree


def test_each_kind_of_fault_is_made_once(parse: Parse) -> None:
    rule = {
        "alert": "A",
        "expr": 'sum by (x) (rate(a_total{y="z"}[5m])) > on (x) 10 * b or c >= 0',
        "for": "1m30s",
        "keep_firing_for": "5m",
        "labels": {"severity": "page"},
    }
    assert [mutant.fault for mutant in mutants(rule, parse)] == [
        "> 10 * b is < 10 * b",
        "> 10 * b is >= 10 * b",
        "x dropped from >'s matching",
        "x dropped from sum's grouping",
        "y='z' of a_total negated",
        'window of a_total{y="z"}[5m] times 0.5',
        'window of a_total{y="z"}[5m] times 2.0',
        "10 times 0.8",
        "10 times 1.25",
        ">= 0 is <= 0",
        ">= 0 is > 0",
        "for 0",
        "for doubled",
        "keep_firing_for 0",
        "keep_firing_for doubled",
        "label severity changed",
    ]
    assert all(mutant.rule != rule for mutant in mutants(rule, parse))


def test_what_prometheus_refuses_is_no_mutant(parse: Parse) -> None:
    rule = {"record": "a:b", "expr": '{__name__=~"a_.+"}'}
    assert list(mutants(rule, parse)) == []
    with pytest.raises(NotPromqlError, match="parse error"):
        parse("sum(")


@pytest.mark.parametrize(("duration", "expected"), [("90s", 90), ("1h30m", 5400), ("500ms", 0.5), ("0s", 0)])
def test_durations_are_read(duration: str, expected: float) -> None:
    assert seconds(duration) == expected
