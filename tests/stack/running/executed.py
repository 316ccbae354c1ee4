"""Runs every query of a board as Grafana would, and counts: errors, empty answers, milliseconds."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import httpx

from stack.boards.dashboards import Dashboard, Target, Variable
from stack.boards.expansion import Value, Values, expand
from stack.boards.values import label_values
from stack.boards.window import Window

TIMES: Final = 3
MILLISECONDS: Final = 500  # more is slow
_NO_SERIES: Final = "no series"
_HEAD: Final[tuple[str, ...]] = (
    "board",
    "panels",
    "queries",
    "empty",
    "median ms",
    "slowest ms",
    "slowest panel",
)


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of one query: ``error`` and ``empty`` are sentences or empty; the time is a median."""

    board: str
    panel: str
    ref_id: str
    text: str
    milliseconds: float
    error: str = ""
    empty: str = ""

    @property
    def name(self) -> str:
        """How lists name it."""
        return f"{self.board} / {self.panel} / {self.ref_id}"


class Executor:
    """Asks a Prometheus what the boards ask."""

    def __init__(self, client: httpx.Client, now: float | None = None, *, enough: float = 0) -> None:
        """Takes a client with the address and the login.

        Args:
            client: the client.
            now: the end of each range, in seconds since the epoch; else the time.
            enough: a query that takes fewer milliseconds at first is not run again for a median.
        """
        self._client = client
        self._now = now
        self._enough = enough
        self.values: dict[str, dict[str, Value]] = {}
        """By board, what its variables were."""

    def board(self, board: Dashboard, first: str = "") -> Iterator[Ran]:
        """Yields the outcome of each query to Prometheus: of variables, panels and annotations.

        ``first`` is where the range begins, as ``now-7d``; empty: where the board has it.
        """
        now = self._now or time.time()
        window = Window.of(first or board.start, "now", now=now)
        values = self.values[board.uid] = {}
        for variable in board.variables:
            ran, values[variable.name] = self._variable(board, variable, values, window)
            yield from [ran] if ran else []
        for panel in board.panels:
            for target in panel.targets:
                if target.source == "metrics":
                    yield self._query(board.uid, panel.title, target, values, window)
        for note in board.annotations:
            if note.target.source == "metrics":
                yield self._query(board.uid, f"annotation {note.name}", note.target, values, window)

    def _variable(
        self, board: Dashboard, variable: Variable, before: Values, window: Window
    ) -> tuple[Ran | None, Value]:
        if variable.kind != "query":
            return None, Value((variable.query or (variable.options or ("",))[0],))
        where = f"variable {variable.name}"
        selector, label = label_values(variable.query)
        match = expand(selector, before, window, where=f"{board.uid}: {where}")
        form = {"match[]": match, "start": f"{window.start:.0f}", "end": f"{window.end:.0f}"}
        found, spent, error = self._timed("GET", f"/api/v1/label/{label}/values", form)
        empty = "" if found else f"no value of {label}"
        ran = Ran(board.uid, where, "A", variable.query, spent, error, "" if error else empty)
        every = tuple(map(str, found or [""]))
        if variable.with_all:
            return ran, Value(every, several=True, everything=variable.all_value or None)
        return ran, Value(every[:1], several=variable.several)

    def _query(self, uid: str, panel: str, target: Target, values: Values, window: Window) -> Ran:
        query = expand(target.text, values, window, where=f"{uid}: {panel}")
        start, end = window.aligned
        form = {"query": query, "time": f"{window.end:.3f}"}
        path = "/api/v1/query"
        if not target.instant:
            form = {"query": query, "start": str(start), "end": str(end), "step": str(window.interval)}
            path = "/api/v1/query_range"
        found, spent, error = self._timed("POST", path, form)
        empty = "" if error or any(map(_has_value, _series(found))) else _NO_SERIES
        return Ran(uid, panel, target.ref_id, query, spent, error, empty)

    def _timed(self, method: str, path: str, form: dict[str, str]) -> tuple[Any, float, str]:
        """Returns the data of the last answer, the median of the times, and the error if there is one."""
        spent = []
        for _ in range(TIMES):
            started = time.perf_counter()
            given = {"params": form} if method == "GET" else {"data": form}
            answer = self._client.request(method, path, **given)  # type: ignore[arg-type]  # either is a form
            spent.append((time.perf_counter() - started) * 1000)
            if spent[0] < self._enough:
                break
        body = answer.json()
        error = "" if body["status"] == "success" else f"{body.get('errorType')}: {body.get('error')}"
        return body.get("data"), median(spent), error


def _series(data: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON
    found = (data or {}).get("result") or []
    return [{"values": [found]}] if (data or {}).get("resultType") == "scalar" else list(found)


def _has_value(series: dict[str, Any]) -> bool:
    """Returns whether a graph would have a point: what is no number is drawn as nothing."""
    points = series.get("values") or [series.get("value") or (0, "NaN")]
    return any(not math.isnan(float(value)) for _, value in points)


def table(ran: Iterable[Ran], boards: Iterable[Dashboard]) -> str:
    """Returns the coverage: a row per board, and one for all."""
    listed = list(ran)
    known = list(boards)
    by_board = [(board, [each for each in listed if each.board == board.uid]) for board in known]
    rows = [_HEAD, *(_row(board.uid, len(board.panels), found) for board, found in by_board)]
    rows.append(_row("all", sum(len(board.panels) for board in known), listed))
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEAD))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _row(name: str, panels: int, ran: list[Ran]) -> tuple[str, ...]:
    if not ran:
        return (name, str(panels), "0", "0", "", "", "")
    slowest = max(ran, key=lambda each: each.milliseconds)
    middle = median(each.milliseconds for each in ran)
    empty = sum(bool(each.empty) for each in ran)
    return (
        *(name, str(panels), str(len(ran)), str(empty), f"{middle:.0f}", f"{slowest.milliseconds:.0f}"),
        slowest.panel,
    )
