"""Every rule, applied to every board; each fault names board, panel and fix."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from grafana.board import Board
from grafana.lint import labels, limits, links, panels, queries
from grafana.lint.exceptions import EXCEPTIONS, Exempt
from grafana.lint.known import Known
from grafana.lint.shown import Finding, Shown
from stack.alerting.thresholds import Thresholds, environments

Rule = Callable[[Shown, Known], Iterator[Finding]]
RULES: Final[Mapping[str, Rule]] = {
    "title": panels.titles,
    "description": panels.descriptions,
    "unit": panels.unit,
    "kind": panels.kind,
    "id": panels.ids,
    "layout": panels.layout,
    "stacking": panels.stacking,
    "color": panels.colors,
    "blank": panels.blank,
    "legend": panels.legend,
    "bars": panels.bars,
    "threshold": limits.thresholds,
    "runbook": limits.runbook,
    "source": queries.source,
    "promql": queries.promql,
    "logql": queries.other,
    "window": queries.windows,
    "hard-coded": queries.hard_coded,
    "hidden": queries.hidden,
    "series": queries.series,
    "label": labels.labels,
    "link": links.links,
    "variable": links.variables,
    "refresh": links.refresh,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a board: ``text`` ends with the fix; ``environment``: only with its thresholds."""

    board: str
    panel: str
    rule: str
    text: str
    environment: str = ""

    def __str__(self) -> str:
        where = f" (LMS_ENVIRONMENT={self.environment})" if self.environment else ""
        return f"{self.board}: {self.panel!r}{where}: {self.text} [{self.rule}]"


def everywhere(boards: Sequence[Board]) -> list[Fault]:
    """Returns the faults of the boards as they are with the shared thresholds, and with each environment's.

    Raises:
        AlertingError: a threshold or an overlay is wrong.
    """
    found: list[Fault] = []
    for environment in ("", *environments()):
        thresholds = Thresholds.load(environment)
        here = faults([Shown.of(board, thresholds) for board in boards], environment)
        found += [replace(each, environment=environment) for each in here if each not in found]
    return found


def faults(boards: Iterable[Shown], environment: str = "") -> list[Fault]:
    """Returns every fault of an environment's boards, without exceptions; two boards of one uid are one."""
    listed = list(boards)
    known = Known.load(listed, environment)
    found = [fault for board in listed for fault in _of(board, known)]
    for board in listed:
        if known.boards[board.uid] is not board:
            text = "another board has this uid, and one would replace the other: choose another."
            found.append(Fault(board.uid, "the board", "title", text))
    return found


def _of(board: Shown, known: Known) -> Iterator[Fault]:
    for name, rule in RULES.items():
        yield from (Fault(board.uid, where, name, text) for where, text in rule(board, known))


def remaining(found: Sequence[Fault], today: date, exempt: Sequence[Exempt] = EXCEPTIONS) -> list[Fault]:
    """Returns the faults that no exception covers, and the exceptions that have expired or cover nothing."""
    valid = [each for each in exempt if each.until >= today]
    covered = {(each.board, each.panel, each.rule) for each in valid}
    left = [fault for fault in found if (fault.board, fault.panel, fault.rule) not in covered]
    met = {(fault.board, fault.panel, fault.rule) for fault in found}
    for each in exempt:
        if each not in valid:
            left.append(_of_exception(each, f"its exception ended on {each.until}: repair it"))
        elif (each.board, each.panel, each.rule) not in met:
            left.append(_of_exception(each, "its exception covers nothing: drop it"))
    return left


def _of_exception(found: Exempt, text: str) -> Fault:
    return Fault(
        found.board, found.panel, found.rule, f"{text} (grafana/lint/exceptions.py; {found.reason})."
    )
