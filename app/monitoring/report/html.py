"""A report as HTML that mail programs show, on a phone too: tables, and styles in each element."""

from __future__ import annotations

from html import escape
from typing import Final

from app.monitoring.report.content import Report
from app.monitoring.report.wording import Table, span_of, tables

_FONT: Final = "font-family:-apple-system,Segoe UI,Helvetica,Arial,sans-serif;color:#1b1f24"
_CELL: Final = "padding:6px 12px 6px 0;border-bottom:1px solid #d8dee4;text-align:left;vertical-align:top"
_MISSED: Final = "MISSED"


def as_html(report: Report) -> str:
    """Returns the report as an HTML document without images, scripts or links."""
    title = escape(f"{report.period.cadence.capitalize()} report {report.period.name}")
    notes = "".join(f'<p style="color:#9a6700">{escape(note)}</p>' for note in report.notes)
    parts = "".join(map(_part, tables(report)))
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"></head>\n'
        f'<body style="{_FONT};margin:16px;font-size:15px;line-height:1.4">\n'
        f'<h1 style="font-size:20px;margin:0">{title}</h1>\n<p>{escape(span_of(report.period))}</p>\n'
        f"{notes}{parts}</body></html>\n"
    )


def _part(table: Table) -> str:
    sentences = "".join(f"<p>{escape(each)}</p>\n" for each in table.sentences)
    head = "".join(f'<th style="{_CELL};font-weight:600">{escape(cell)}</th>' for cell in table.head)
    rows = "".join(f"<tr>{''.join(map(_cell, row))}</tr>\n" for row in table.rows)
    grid = (
        '<div style="overflow-x:auto"><table style="border-collapse:collapse;font-size:14px">\n'
        f"<tr>{head}</tr>\n{rows}</table></div>\n"
    )
    title = f'<h2 style="font-size:16px;margin:24px 0 8px">{escape(table.title)}</h2>\n'
    return title + sentences + (grid if table.rows else "")


def _cell(text: str) -> str:
    colour = ";color:#cf222e;font-weight:600" if text == _MISSED else ""
    return f'<td style="{_CELL}{colour}">{escape(text)}</td>'
