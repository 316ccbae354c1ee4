"""What has axes, as Plotly's JSON: lines over time, histograms over time, states over time.

Times are milliseconds since the epoch; the page moves them to the reader's time zone.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Final

from stack.boards.dashboards import Panel
from stack.boards.drawing.looks import colors, look
from stack.boards.drawing.units import digits, format_value, ticks
from stack.boards.frames import Exemplar, Series
from stack.boards.window import Window

Drawn = dict[str, Any]
_GAP: Final = 1.5
# Of Crameri's batlow-like Viridis: it grows evenly in lightness, so that it is read without its colours.
_SCALE: Final = "Viridis"
_MARK: Final = "#CC79A7"
# How times are written on the axis of a range up to so many seconds.
_CLOCKS: Final = ((600, "%H:%M:%S"), (86400, "%H:%M"), (4 * 86400, "%a %H:%M"), (math.inf, "%b %d"))


def lines(
    panel: Panel, series: Sequence[Series], window: Window, trace_url: str, exemplars: Sequence[Exemplar]
) -> Drawn:
    """Returns lines, with the limit as a dashed one and exemplars as dots that lead to their traces."""
    own = look(panel)
    shown = colors(panel, [each.name for each in series], [each.last for each in series])
    taken: set[str] = set()
    data = []
    for each, found in zip(series, shown, strict=True):
        # More series than colours: those of the second round are dashed.
        data.append(_line(panel, each, found, window, dashed=found in taken))
        taken.add(found)
    values = [value for each in series for _, value in each.points if math.isfinite(value)]
    custom = panel.field.get("custom") or {}
    low = min([*values, custom.get("axisSoftMin", math.inf), own.config.get("min", math.inf)], default=0)
    high = max([*values, custom.get("axisSoftMax", -math.inf), own.config.get("max", -math.inf)], default=1)
    layout = _layout(window, _axis(low, high, own.unit))
    if (custom.get("thresholdsStyle") or {}).get("mode", "off") != "off":
        layout["shapes"] = [_limit(value, found) for value, found in own.steps if math.isfinite(value)]
    data += _dots(exemplars, [each.value for each in exemplars], own.unit, trace_url)
    return _plot(data, layout)


def heat(
    panel: Panel, series: Sequence[Series], window: Window, trace_url: str, exemplars: Sequence[Exemplar]
) -> Drawn:
    """Returns how many observations each bucket of a histogram had; the query's buckets are cumulative.

    Without any observation there is nothing to draw.
    """
    found = sorted(((_bound(each), each) for each in series), key=lambda pair: pair[0])
    bounds = [bound for bound, _ in found]
    times = _with_pauses(sorted({time for each in series for time, _ in each.points}), window.interval)
    counts = _differences([each for _, each in found], times)
    if not any(count for row in counts for count in row):
        return _plot([], _layout(window, {}))
    unit = look(panel).unit
    names = [format_value(each, unit) for each in bounds]
    heatmap = {
        "type": "heatmap",
        "name": "",
        "x": _milliseconds(times),
        "y": list(range(len(bounds))),
        "z": counts,
        "text": [
            [f"≤ {name}: {digits(count)}" if count else "" for count in row]
            for name, row in zip(names, counts, strict=True)
        ],
        "hovertemplate": "%{x|%H:%M:%S}<br>%{text}<extra></extra>",
        "hoverongaps": False,
        "showlegend": False,
        "colorscale": _SCALE,
        "showscale": False,
    }
    edges = [each + 0.5 for each in range(len(bounds))]
    axis = {"tickvals": edges, "ticktext": names, "range": [-0.5, len(bounds) - 0.5]}
    heights = [_height(bounds, each.value) for each in exemplars]
    return _plot([heatmap, *_dots(exemplars, heights, unit, trace_url)], _layout(window, axis))


def _differences(buckets: Sequence[Series], times: Sequence[float]) -> list[list[float | None]]:
    """Returns what each bucket has beyond the one below it, at each time; None for nothing."""
    below: dict[float, float] = {}
    counts: list[list[float | None]] = []
    for each in buckets:
        values = dict(each.points)
        # Buckets are read one after the other: a difference below 0 is one that moved meanwhile.
        found = [values.get(time, 0) - below.get(time, 0) for time in times]
        counts.append([count if count > 0 else None for count in found])
        below = values
    return counts


def states(panel: Panel, series: Sequence[Series], window: Window) -> Drawn:
    """Returns a bar per series, whose colour is its state over time; equal neighbours are one piece."""
    own, pieces = look(panel), [piece for each in series for piece in _pieces(each, window)]
    data = []
    for state in sorted({value for _, _, _, value in pieces}):
        chosen = [each for each in pieces if each[3] == state]
        data.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": own.text(state),
                "y": [name for name, *_ in chosen],
                "base": _milliseconds([start for _, start, _, _ in chosen]),
                "x": [(end - start) * 1000 for _, start, end, _ in chosen],
                "marker": {"color": own.color(state)},
                "text": [own.text(state)] * len(chosen),
                "textposition": "none",
                "hovertemplate": "%{y}: %{text}<br>from %{base|%H:%M:%S}<extra></extra>",
            }
        )
    names = list(dict.fromkeys(each.name for each in series))
    axis = {"categoryorder": "array", "categoryarray": names[::-1], "automargin": True}
    return _plot(data, _layout(window, axis) | {"barmode": "overlay", "bargap": 0.2})


def _plot(data: list[Drawn], layout: Drawn) -> Drawn:
    return {"kind": "plot", "data": data, "layout": layout}


def _line(panel: Panel, series: Series, color: str, window: Window, *, dashed: bool) -> Drawn:
    own = look(panel, series.name)
    custom = panel.field.get("custom") or {}
    points = _with_gaps(series.points, window.interval)
    marked = custom.get("showPoints") == "always" or len(series.points) == 1
    return {
        "type": "scatter",
        "mode": "lines+markers" if marked else "lines",
        "name": own.name(series),
        "x": _milliseconds([time for time, _ in points]),
        "y": [value for _, value in points],
        "text": ["" if value is None else own.text(value) for _, value in points],
        "hovertemplate": "%{text}",
        "line": {"color": color, "width": custom.get("lineWidth", 2), **({"dash": "dot"} if dashed else {})},
        "marker": {"color": color, "size": 5},
    }


def _with_gaps(points: Sequence[tuple[float, float]], step: float) -> list[tuple[float, float | None]]:
    """Returns the points with an empty one where a series paused, so that no line leads over the gap."""
    found: list[tuple[float, float | None]] = []
    before = None
    for time, value in points:
        if before is not None and time - before > step * _GAP:
            found.append((before + step, None))
        found.append((time, value if math.isfinite(value) else None))
        before = time
    return found


def _with_pauses(times: Sequence[float], step: float) -> list[float]:
    """Returns the times with one more at both ends of each pause, at which nothing was observed.

    A heatmap's columns reach to half-way between times, so that without them the last one before a pause
    would cover it.
    """
    found: list[float] = []
    for time in times:
        if found and time - found[-1] > step * _GAP:
            found += sorted({found[-1] + step, time - step})
        found.append(time)
    return found


def _layout(window: Window, y_axis: Drawn) -> Drawn:
    start, end = _milliseconds([window.start, window.end])
    shown = next(text for longest, text in _CLOCKS if window.length <= longest)
    return {"xaxis": {"type": "date", "range": [start, end], "tickformat": shown}, "yaxis": y_axis}


def _axis(low: float, high: float, unit: str) -> Drawn:
    if not math.isfinite(low) or not math.isfinite(high):
        low, high = 0.0, 1.0
    marks = ticks(min(low, high), high, unit)
    return {
        "range": [marks[0], marks[-1]],
        "tickvals": marks,
        "ticktext": [format_value(each, unit) for each in marks],
    }


def _limit(value: float, color: str) -> Drawn:
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": value,
        "y1": value,
        "line": {"color": color, "width": 1.5, "dash": "dash"},
    }


def _dots(exemplars: Sequence[Exemplar], heights: Sequence[float], unit: str, trace_url: str) -> list[Drawn]:
    if not exemplars:
        return []
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": "single requests",
            "showlegend": False,
            "x": _milliseconds([each.time for each in exemplars]),
            "y": list(heights),
            "text": [format_value(each.value, unit) for each in exemplars],
            "customdata": [trace_url.replace("{trace_id}", each.trace_id) for each in exemplars],
            "hovertemplate": "%{text}: open the trace<extra></extra>",
            "marker": {"color": _MARK, "size": 6, "symbol": "diamond", "line": {"color": "#fff", "width": 1}},
        }
    ]


def _bound(series: Series) -> float:
    """Returns the upper bound of a bucket."""
    return float(series.labels.get("le", series.name).replace("Inf", "inf"))


def _height(bounds: Sequence[float], value: float) -> float:
    """Returns where a value is among the buckets, the first of which is at 0."""
    place = min(bisect_left(bounds, value), len(bounds) - 1) if bounds else 0
    return float(place)


def _pieces(series: Series, window: Window) -> list[tuple[str, float, float, float]]:
    """Returns name, start, end and state of each stretch in which a series does not change."""
    found: list[tuple[str, float, float, float]] = []
    step = window.interval
    for time, value in series.points:
        if found and found[-1][3] == value and time - found[-1][2] <= step * (_GAP - 1):
            found[-1] = (series.name, found[-1][1], time + step, value)
        elif math.isfinite(value):
            found.append((series.name, time, time + step, value))
    return found


def _milliseconds(times: Sequence[float]) -> list[int]:
    return [round(each * 1000) for each in times]
