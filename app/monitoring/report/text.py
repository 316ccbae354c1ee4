"""A report for readers without HTML."""

from __future__ import annotations

from collections.abc import Iterator

from app.monitoring.report.content import Report
from app.monitoring.report.wording import Table, span_of, tables


def as_text(report: Report) -> str:
    """Returns the report as plain text."""
    kind = f"{report.period.cadence.capitalize()} report {report.period.name}"
    parts = [f"{kind}\n{span_of(report.period)}"]
    parts += [_note(note) for note in report.notes]
    parts += ["\n".join(_lines(table)) for table in tables(report)]
    return "\n\n".join(parts) + "\n"


def _note(note: str) -> str:
    return f"Note: {note}"


def _lines(table: Table) -> Iterator[str]:
    yield table.title
    yield "-" * len(table.title)
    yield from table.sentences
    if table.rows:
        rows = [table.head, *table.rows]
        widths = [max(len(row[place]) for row in rows) for place in range(len(table.head))]
        for row in rows:
            yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
