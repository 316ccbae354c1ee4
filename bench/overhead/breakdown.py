"""Breaks our overhead down, by differences between variants and by threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bench.overhead.figures import CALLING, OTHER, SENDING, SERVING, Series
from bench.overhead.variants import BARE, CORE, OURS, UNCONTRIBUTED, UNLISTENED, UNMATCHED

_MICRO: Final = 1e6
# What is measured, the variant with it, the variant without it.
_PARTS: Final = (
    ("request ids, context, metrics, errors", CORE, BARE),
    ("the SERVER span, exported", "ours-span", CORE),
    ("the access log on stdout", "ours-access", "ours-span"),
    ("the same record by OTLP", "ours-logs", "ours-access"),
    ("the rest: Sentry, process metrics", OURS, "ours-logs"),
    ("*included above:* redaction", OURS, "ours-unredacted"),
    ("*included above:* HTTP metrics", OURS, "ours-unmeasured"),
    ("*included above:* contrib's middleware", OURS, UNCONTRIBUTED),
)
_HEAD: Final = """\
## Where our overhead goes

Median differences between two variants within a round; on a busy machine a small one is lost in the noise and
may be negative. Rows "included above" are part of the rows above them, not additional.
"""


def breakdown(measured: Sequence[Series]) -> str:
    """Returns the section of the page; omits what was not measured."""
    tables = [table for each in measured for table in (_served(each) if each.served else _in_process(each))]
    return "\n".join([_HEAD, *tables]) if tables else ""


def _in_process(series: Series) -> list[str]:
    parts = [part for part in _PARTS if part[1] in series.rounds and part[2] in series.rounds]
    if len(parts) != len(_PARTS):
        return []
    rows = [f"| {what} | {_micro(series.difference(one, other))} |" for what, one, other in parts]
    exporting = series.median(OURS, "cpu") - series.median(OURS, "path")
    rows.append(f"| *included above:* threads that encode and send | {_micro(exporting)} |")
    matching = series.difference("contrib-tuned", UNMATCHED)
    tuned = series.overhead("contrib-tuned")
    sentence = (
        f"Contrib's own route matching takes {_micro(matching)} µs of its {_micro(tuned)} µs (the row with "
        f"stable names) at {series.routes} routes. Ours reads the route that the router found and saves all "
        "of that: it uses contrib's middleware only for the span's parent, start, context and errors."
    )
    head = [f"In-process, routes: {series.routes}", "", "| part | CPU µs |", "|---|---|"]
    return ["\n".join([*head, *rows, "", sentence, ""])]


def _served(series: Series) -> list[str]:
    if OURS not in series.rounds:
        return []
    names = {SERVING: "the serving thread", CALLING: "the driver's threads", SENDING: "encode and send"}
    rows = [
        f"| {names.get(work, work)} | {_micro(bare)} | {_micro(ours)} | {_micro(ours - bare)} |"
        for work in (SERVING, CALLING, SENDING, OTHER)
        for bare, ours in [(series.of_threads(BARE, work), series.of_threads(OURS, work))]
    ]
    lines = ["| thread | bare, CPU µs | ours | difference |", "|---|---|---|---|", *rows, ""]
    if UNLISTENED in series.rounds:
        spent = _micro(series.difference(OURS, UNLISTENED))
        lines += [f"MongoDB's span, metrics and pool account for {spent} µs of the difference.", ""]
    return ["\n".join([f"Over uvicorn with one MongoDB read, routes: {series.routes}", "", *lines])]


def _micro(seconds: float) -> str:
    return f"{seconds * _MICRO:.0f}"
