"""Finds the mutants of rules that their cases do not notice: many mutants in one run of promtool.

python -m tests.alertmanager.mutation api.yml LmsDown
"""

from __future__ import annotations

import argparse
import copy
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from stack.native.tools import tool_path
from tests.alertmanager.mutants import Mutant, Rule, mutants
from tests.alertmanager.promql import Node, parser
from tests.alertmanager.rendered import tested

_CONTROL: Final = 0
_JUDGED: Final = re.compile(r"^\s*(?:alertname|expr|rule): .*?__m(\d+)__", re.MULTILINE)
_BROKEN: Final = re.compile(r"^\s*rule: .*?__m(\d+)__", re.MULTILINE)


class BatchError(Exception):
    """A batch says nothing about its mutants; the message is promtool's, or says why."""


@dataclass(frozen=True, slots=True)
class Cases:
    """A file of cases, and the groups of the rule files that it loads."""

    content: Mapping[str, Any]
    groups: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """A rule of one file with its mutants and the cases that may notice them.

    Args:
        file: the name of the rule file.
        name: of the alert or the recording rule.
        rule: the rule itself; others may record the same name.
        made: the mutants, each with the rule that replaces the original.
        cases: the files of cases that load the rule's file.
    """

    file: str
    name: str
    rule: Rule
    made: tuple[Mutant, ...]
    cases: tuple[Cases, ...]

    def survivors(self) -> list[Mutant]:
        """Returns the mutants for which every case passes.

        Raises:
            BatchError: the original fails too in a batch, or promtool refuses the batch.
        """
        living = dict(enumerate([Mutant("control", self.rule), *self.made]))
        for number, cases in enumerate(self.cases):
            # What an earlier file of cases has noticed is not tried on the next one.
            if len(living) > 1 or number == 0:
                self._remove_noticed(living, cases)
        return [mutant for number, mutant in living.items() if number != _CONTROL]

    def _remove_noticed(self, living: dict[int, Mutant], cases: Cases) -> None:
        while True:
            output = self._run(living, cases)
            broken = {int(number) for number in _BROKEN.findall(output)}
            killed = broken or {int(number) for number in _JUDGED.findall(output)}
            if _CONTROL in killed:
                sentence = f"{self.file}: {self.name} fails its own cases; see `make alerts-check`."
                raise BatchError(sentence)
            if "FAILED" in output and not killed:
                raise BatchError(f"{self.file}: {self.name}: {output.strip()[:3000]}")
            for number in killed:
                del living[number]
            if not broken:
                return

    def _run(self, living: Mapping[int, Mutant], cases: Cases) -> str:
        users = _users(cases.groups, self.name)
        with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
            groups = self._rules(living, users, cases.groups)
            (Path(folder) / "rules.yml").write_text(yaml.safe_dump({"groups": groups}, sort_keys=False))
            tests = _tests(cases.content, living, users)
            content = {**cases.content, "rule_files": ["rules.yml"], "tests": tests}
            path = Path(folder) / "cases.yml"
            path.write_text(yaml.safe_dump(content, sort_keys=False))
            command = [str(tool_path("promtool")), "test", "rules", str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        return done.stdout + done.stderr

    def _rules(
        self, living: Mapping[int, Mutant], users: set[str], originals: Iterable[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """Returns the groups with the originals that the mutants read, and behind each the mutants' own."""
        needed = _needed(originals, users)
        groups = []
        for group in originals:
            rules: list[Rule] = []
            for rule in group["rules"]:
                name = _name(rule)
                rules += [rule] if name in needed else []
                if name in users:
                    rules += [
                        _renamed(mutant.rule if rule == self.rule else rule, users, number)
                        for number, mutant in living.items()
                    ]
            groups += [{**group, "rules": rules}] if rules else []
        return groups


def batches(folder: Path, parse: Callable[[str], Node]) -> list[Batch]:
    """Returns a batch for each alert and recording rule below a folder with ``rules/`` and ``tests/``."""
    found = []
    rules = {path.name: _read(path)["groups"] for path in sorted((folder / "rules").glob("*.yml"))}
    cases = [_cases(_read(path), rules) for path in sorted((folder / "tests").glob("*.yml"))]
    for file, groups in rules.items():
        loading = tuple(each for each in cases if f"../rules/{file}" in each.content["rule_files"])
        for rule in (rule for group in groups for rule in group["rules"]):
            made = tuple(mutants(rule, parse))
            found.append(Batch(file, _name(rule), rule, made, loading))
    return [batch for batch in found if batch.made]


def _cases(content: Mapping[str, Any], rules: Mapping[str, list[dict[str, Any]]]) -> Cases:
    loaded = [Path(file).name for file in content["rule_files"]]
    return Cases(content, tuple(group for name in loaded for group in rules[name]))


def _read(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text()))


def _tests(cases: Mapping[str, Any], living: Iterable[int], users: set[str]) -> list[dict[str, Any]]:
    """Returns the tests that judge one of the ``users``, with each case once for every mutant."""
    found = []
    for test in cases["tests"]:
        alerts = [case for case in test.get("alert_rule_test") or [] if case["alertname"] in users]
        expressions = [case for case in test.get("promql_expr_test") or [] if _mentions(case["expr"], users)]
        if not alerts and not expressions:
            continue
        of_alerts = [
            {**case, "alertname": _suffixed(case["alertname"], number)}
            for case in alerts
            for number in living
        ]
        of_expressions = [
            yaml.safe_load(_replaced(yaml.safe_dump(case, width=10_000), users, number))
            for case in expressions
            for number in living
        ]
        inputs = list(_inputs(test.get("input_series") or [], users, living))
        found.append(
            {
                **test,
                "input_series": inputs,
                "alert_rule_test": of_alerts,
                "promql_expr_test": of_expressions,
            }
        )
    return found


def _name(rule: Mapping[str, Any]) -> str:
    return str(rule.get("alert") or rule["record"])


def _users(groups: Iterable[Mapping[str, Any]], name: str) -> set[str]:
    """Returns the rule's name and those of all rules that read what it records."""
    rules = [rule for group in groups for rule in group["rules"]]
    users = {name}
    while True:
        more = {_name(rule) for rule in rules if _reads(rule, users, rules)} - users
        if not more:
            return users
        users |= more


def _reads(rule: Rule, names: set[str], rules: Iterable[Rule]) -> bool:
    recorded = {_name(each) for each in rules if "record" in each} & names
    return bool(recorded) and _mentions(rule["expr"], recorded)


def _needed(groups: Iterable[Mapping[str, Any]], users: set[str]) -> set[str]:
    """Returns the names of the rules that the users read, directly or not; an alert is read as ALERTS."""
    rules = [(_name(rule), str(rule["expr"])) for group in groups for rule in group["rules"]]
    needed: set[str] = set()
    wanted = set(users)
    while wanted:
        texts = " ".join(text for name, text in rules if name in wanted)
        wanted = {name for name, _ in rules if _mentions(texts, {name})} - needed
        needed |= wanted
    return needed


def _pattern(names: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w:])({'|'.join(map(re.escape, sorted(names)))})(?![\w:])")


def _inputs(
    given: Iterable[dict[str, Any]], users: set[str], living: Iterable[int]
) -> Iterator[dict[str, Any]]:
    """Yields the input series, and again for each mutant those that stand for what a rule recorded."""
    for each in given:
        yield each
        if _mentions(each["series"].partition("{")[0], users):
            yield from ({**each, "series": _replaced(each["series"], users, number)} for number in living)


def _mentions(expression: object, names: set[str]) -> bool:
    return bool(_pattern(names).search(str(expression)))


def _suffixed(name: str, number: int) -> str:
    return f"{name}__m{number}__"


def _replaced(expression: str, names: set[str], number: int) -> str:
    return _pattern(names).sub(lambda match: _suffixed(match[1], number), expression)


def _renamed(rule: Rule, users: set[str], number: int) -> Rule:
    """Returns the rule under the mutant's name, reading what the mutant's other rules record."""
    made = copy.deepcopy(rule)
    key = "alert" if "alert" in made else "record"
    made[key] = _suffixed(made[key], number)
    made["expr"] = _replaced(str(made["expr"]), users, number)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the mutants that survive; returns 1 if there is one, or if a rule fails its own cases."""
    arguments = argparse.ArgumentParser(
        prog="python -m tests.alertmanager.mutation",
        description="Makes small faults in rules and names those that no case of alertmanager/tests notices.",
    )
    arguments.add_argument(
        "name", nargs="*", help="an alert, a recording rule or a file such as api.yml; all"
    )
    wanted = set(arguments.parse_args(argv).name)
    with tempfile.TemporaryDirectory() as folder, parser(Path(folder)) as parse:
        found = batches(tested(), parse)
    judged = [batch for batch in found if not wanted or wanted & {batch.file, batch.name}]
    if unknown := wanted - {name for batch in judged for name in (batch.file, batch.name)}:
        sys.stderr.write(f"No rule or rule file is named {', '.join(sorted(unknown))}.\n")
        return 1
    try:
        count = sum(map(_print, judged))
    except BatchError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{count} of {sum(len(batch.made) for batch in judged)} mutants survive.\n")
    return int(count > 0)


def _print(batch: Batch) -> int:
    """Prints the mutants that survive and returns their number."""
    survivors = batch.survivors()
    faults = "".join(f"    {mutant.fault}\n" for mutant in survivors)
    sys.stdout.write(f"{batch.file}: {batch.name}: {len(survivors)} of {len(batch.made)} survive\n{faults}")
    sys.stdout.flush()
    return len(survivors)


if __name__ == "__main__":
    sys.exit(main())
