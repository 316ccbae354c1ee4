"""Draws horizontal bars as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

_WIDTH: Final = 760
_LABEL: Final = 330
_ROW: Final = 22
_COLOURS: Final = ("#3b6fb6", "#c96f2b", "#5a8f45")


@dataclass(frozen=True, slots=True)
class Bars:
    """A chart: for each label one bar per series.

    Args:
        title: above it.
        labels: of the groups.
        series: by name, a value per label; all of one unit.
        form: the format of a value, such as ``{:.0%}``.
        mark: a value marked with a line across; None: no line.
    """

    title: str
    labels: Sequence[str]
    series: Mapping[str, Sequence[float]]
    form: str
    mark: float | None = None


def svg(chart: Bars) -> str:
    """Returns the chart as an SVG document."""
    top, group = 64, _ROW * len(chart.series) + 12
    height = top + group * len(chart.labels) + 10
    longest = max(max(values) for values in chart.series.values()) or 1.0
    scale = (_WIDTH - _LABEL - 70) / longest
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}">',
        '<g font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="10" y="22" font-size="15">{escape(chart.title)}</text>',
        *_legend(chart),
    ]
    for row, label in enumerate(chart.labels):
        y = top + row * group
        middle = y + group / 2
        parts.append(f'<text x="{_LABEL - 8}" y="{middle}" text-anchor="end">{escape(label)}</text>')
        parts += _group(chart, row, y, scale)
    if chart.mark is not None:
        x = _LABEL + chart.mark * scale
        parts.append(f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{top - 6}" y2="{height}" stroke="#b00020"/>')
    return "\n".join([*parts, "</g></svg>", ""])


def _legend(chart: Bars) -> list[str]:
    parts = []
    for index, name in enumerate(chart.series):
        x = _LABEL + index * 110
        parts.append(f'<rect x="{x}" y="34" width="12" height="12" fill="{_COLOURS[index]}"/>')
        parts.append(f'<text x="{x + 17}" y="45">{escape(name)}</text>')
    return parts


def _group(chart: Bars, row: int, y: int, scale: float) -> list[str]:
    parts = []
    for index, values in enumerate(chart.series.values()):
        top, width = y + index * _ROW, values[row] * scale
        parts.append(
            f'<rect x="{_LABEL}" y="{top}" width="{width:.1f}" height="{_ROW - 5}" fill="{_COLOURS[index]}"/>'
        )
        text = escape(chart.form.format(values[row]))
        parts.append(f'<text x="{_LABEL + width + 5:.1f}" y="{top + 13}">{text}</text>')
    return parts
