"""What the boards ask of Prometheus, with their variables replaced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from grafana.build import BOARDS
from grafana.lint.promql import parts
from grafana.lint.queries import values
from grafana.lint.shown import Shown
from stack.alerting.thresholds import Thresholds
from stack.boards.expansion import expand
from stack.boards.window import Window


@dataclass(frozen=True, slots=True)
class Question:
    """A query, and where it is."""

    where: str
    text: str


def _questions() -> list[Question]:
    found = []
    for board in (Shown.of(each, Thresholds.load()) for each in BOARDS):
        known = values(board)
        for query in board.promql:
            where = f"{board.uid}: {query.where}"
            found.append(Question(where, expand(query.text, known, Window(0, 3600), where=where)))
    return found


QUESTIONS: Final = _questions()
USED: Final = frozenset(
    each.name for question in QUESTIONS for each in parts(question.text).selectors if each.name
)
"""The names of the series."""
