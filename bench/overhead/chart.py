"""The chart: one bar per variant, the bare application's part in grey, the overhead in colour."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from bench.overhead.figures import Series
from bench.overhead.variants import BARE, variant

_WIDTH: Final = 900
_LABELS: Final = 400
_ROW: Final = 24
_TITLE: Final = 40
_BARS: Final = _WIDTH - _LABELS - 130
_OURS, _PEER, _GREY = "#0b7285", "#c2410c", "#9ca3af"
_FONT: Final = 'font-family="system-ui, sans-serif" font-size="13"'
_LONGEST: Final = 58


def chart(measured: Sequence[Series]) -> str:
    """Returns an SVG with a group of bars per series."""
    longest = max(series.median(name, "cpu") for series in measured for name in series.rounds)
    parts: list[str] = []
    top = 0
    for series in measured:
        parts += _group(series, top, _BARS / longest)
        top += _TITLE + _ROW * len(series.rounds) + 10
    size = f'width="{_WIDTH}" height="{top}" viewBox="0 0 {_WIDTH} {top}"'
    background = f'<rect width="{_WIDTH}" height="{top}" fill="#ffffff"/>'
    body = "\n".join([background, *parts])
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {_FONT} role="img">\n{body}\n</svg>\n'


def _group(series: Series, top: int, scale: float) -> list[str]:
    routes = "1 route" if series.routes == 1 else f"{series.routes} routes"
    title = f"CPU time per request, in-process, {routes} (grey: the application itself)"
    lines = [f'<text x="10" y="{top + 26}" font-weight="600" fill="#111827">{title}</text>']
    bare = series.median(BARE, "cpu")
    for row, name in enumerate(series.rounds):
        lines += _bar(name, series.median(name, "cpu"), bare, top + _TITLE + row * _ROW, scale)
    return lines


def _bar(name: str, cpu: float, bare: float, top: int, scale: float) -> list[str]:
    title = variant(name).title
    label = title if len(title) <= _LONGEST else title[: _LONGEST - 1] + "…"
    colour = _OURS if name.startswith("ours") else _PEER
    own, added = min(cpu, bare) * scale, max(cpu - bare, 0) * scale
    end = _LABELS + own + added
    added_words = "" if name == BARE else f" (+{(cpu - bare) * 1e6:.0f})"
    return [
        f'<text x="{_LABELS - 10}" y="{top + 14}" text-anchor="end" fill="#111827">{escape(label)}</text>',
        f'<rect x="{_LABELS}" y="{top}" width="{own:.1f}" height="{_ROW - 6}" fill="{_GREY}"/>',
        f'<rect x="{_LABELS + own:.1f}" y="{top}" width="{added:.1f}" height="{_ROW - 6}" fill="{colour}"/>',
        f'<text x="{end + 6:.1f}" y="{top + 14}" fill="#374151">{cpu * 1e6:.0f} µs{added_words}</text>',
    ]
