"""Colours and texts by a panel's configuration: thresholds, value mappings, overrides."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stack.boards import expansion
from stack.boards.dashboards import Options, Panel
from stack.boards.drawing.units import digits, format_value
from stack.boards.frames import Series

# Of Okabe and Ito (2008): people with any kind of colour blindness can tell them apart.
PALETTE: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
_NAMED: Final = {
    "red": "#D55E00",
    "orange": "#E69F00",
    "yellow": "#F0E442",
    "green": "#009E73",
    "blue": "#0072B2",
}
PROPERTIES: Final = frozenset(
    {"unit", "decimals", "displayName", "color", "noValue", "mappings", "thresholds", "links"}
)
"""What an override may change."""


@dataclass(frozen=True, slots=True)
class Look:
    """How one field of a panel is shown: ``fieldConfig.defaults`` with the overrides of its name."""

    config: Mapping[str, Any]

    @property
    def unit(self) -> str:
        """The unit."""
        return str(self.config.get("unit") or "none")

    @property
    def steps(self) -> list[tuple[float, str]]:
        """The thresholds as (from, colour); the first is from minus infinity."""
        found = (self.config.get("thresholds") or {}).get("steps") or []
        return [
            (float("-inf") if each.get("value") is None else float(each["value"]), color(each.get("color")))
            for each in found
        ]

    @property
    def links(self) -> list[Options]:
        """The links of a value."""
        return list(self.config.get("links") or [])

    def name(self, series: Series) -> str:
        """Returns what a series is called: by the display name if there is one, else by its legend.

        Raises:
            ExpansionError: the display name has a variable that the series does not.
        """
        wanted = self.config.get("displayName")
        if not wanted:
            return series.name
        return expansion.name(wanted, facts(series), where=f"the display name {wanted!r}")

    def text(self, value: float) -> str:
        """Returns a value as people read it: the text that it is mapped to, else number and unit."""
        mapped = self._mapped(value)
        if mapped and mapped.get("text"):
            return str(mapped["text"])
        return format_value(value, self.unit, self.config.get("decimals"))

    def color(self, value: float) -> str:
        """Returns the colour of a value: that of its mapping, else of the threshold below it."""
        mapped = self._mapped(value)
        if mapped and mapped.get("color"):
            return color(mapped["color"])
        reached = [found for least, found in self.steps if value >= least]
        return reached[-1] if reached else PALETTE[0]

    def _mapped(self, value: float) -> Options | None:
        mappings = self.config.get("mappings") or []
        return next((found for each in mappings if (found := _result(each, value)) is not None), None)


def facts(series: Series) -> dict[str, str]:
    """Returns what names and links of a series may use, by Grafana's name of it."""
    names = dict.fromkeys(("__field.displayName", "__field.name", "__series.name"), series.name)
    return names | {f"__field.labels.{label}": value for label, value in series.labels.items()}


def look(panel: Panel, name: str = "") -> Look:
    """Returns how the field of this name is shown."""
    config = dict(panel.field)
    for override in panel.overrides:
        if _fits(override.get("matcher") or {}, name):
            config |= {each["id"]: each.get("value") for each in override.get("properties") or []}
    return Look(config)


def colors(panel: Panel, names: Sequence[str], last: Iterable[float]) -> list[str]:
    """Returns the colour of each series: one keeps its own when others come and go."""
    mode = (panel.field.get("color") or {}).get("mode", "palette-classic-by-name")
    taken: dict[int, str] = {}
    places = {name: _free(name, taken) for name in sorted(names)}
    found = []
    for index, (name, value) in enumerate(zip(names, last, strict=True)):
        own = look(panel, name)
        fixed = own.config.get("color") or {}
        if fixed.get("mode") == "fixed":
            found.append(color(fixed.get("fixedColor")))
        elif mode == "thresholds":
            found.append(own.color(value))
        else:
            found.append(PALETTE[(places[name] if mode.endswith("by-name") else index) % len(PALETTE)])
    return found


def color(name: str | None) -> str:
    """Returns a colour of the JSON: a number as it is, a name of Grafana's as ours for it."""
    text = name or ""
    known = next((ours for theirs, ours in _NAMED.items() if text.endswith(theirs)), None)
    return known or (text if re.fullmatch(r"#[0-9A-Fa-f]{3,8}", text) else PALETTE[-1])


def _free(name: str, taken: dict[int, str]) -> int:
    """Returns a place in the palette by the name; the next free one if another name has it."""
    wanted = zlib.crc32(name.encode())
    places = [(wanted + moved) % len(PALETTE) for moved in range(len(PALETTE))]
    place = next((each for each in places if each not in taken), places[0])
    taken[place] = name
    return place


def _result(mapping: Options, value: float) -> Options | None:
    options = mapping.get("options") or {}
    if mapping.get("type") == "value":
        found = options.get(digits(value, 6).rstrip("0").rstrip("."))
        return found if isinstance(found, Mapping) else None
    if mapping.get("type") == "range":
        least, most = options.get("from"), options.get("to")
        inside = (least is None or value >= least) and (most is None or value <= most)
        return options.get("result") if inside else None
    is_nan = mapping.get("type") == "special" and value != value  # noqa: PLR0124 - NaN
    return options.get("result") if is_nan and options.get("match") in {"nan", "null", "null+nan"} else None


def _fits(matcher: Options, name: str) -> bool:
    wanted = str(matcher.get("options", ""))
    if matcher.get("id") == "byRegexp":
        return re.search(wanted.strip("/"), name) is not None
    return matcher.get("id") == "byName" and wanted == name
