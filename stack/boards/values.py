"""Finds what the variables of a board can be, and what they are."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stack.boards.dashboards import SOURCES, Dashboard, DashboardError, Variable
from stack.boards.expansion import Value, Values, expand
from stack.boards.window import Window

ALL: Final = "$__all"
UIDS: Final[Mapping[str, str]] = {kind: kind for kind in SOURCES}
"""The provisioned data source of each type has the type as its uid."""
MOST_VALUES: Final = 1000
LONGEST: Final = 500
_LABEL_VALUES: Final = re.compile(
    r"\s*label_values\(\s*(?:(?P<selector>.+?)\s*,\s*)?(?P<label>[A-Za-z_]\w*)\s*\)\s*", re.DOTALL
)

# Takes a selector (empty: all series) and a label; returns the label's values.
Ask = Callable[[str, str], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Resolved:
    """A variable's value, and what can be chosen; ``options`` are empty for text."""

    variable: Variable
    value: Value
    options: tuple[str, ...] = ()
    everything: bool = False

    @property
    def chosen(self) -> tuple[str, ...]:
        """What is chosen, as links have it: `ALL` for all."""
        return (ALL,) if self.everything else self.value.values


def label_values(query: str) -> tuple[str, str]:
    """Returns the selector and the label of ``label_values(selector, label)``.

    Raises:
        DashboardError: the query is something else.
    """
    match = _LABEL_VALUES.fullmatch(query)
    if match is None:
        raise DashboardError(f"{query!r} is not answered: write label_values(selector, label).")
    return match["selector"] or "", match["label"]


async def resolved(
    board: Dashboard,
    given: Mapping[str, Sequence[str]],
    window: Window,
    ask: Ask,
    *,
    listed: bool = True,
) -> dict[str, Resolved]:
    """Returns each variable by its name, in the board's order, which is that of their dependence.

    Args:
        board: the board.
        given: what a reader chose; a variable that is not in it is as the board has it.
        window: the time range.
        ask: finds the values of a label.
        listed: whether all that can be chosen is asked for; if not, only what a value depends on.

    Raises:
        DashboardError: a variable's query is not answered, or names a variable that comes later.
    """
    found: dict[str, Resolved] = {}
    for variable in board.variables:
        where = f"{board.uid}: variable {variable.name!r}"
        chosen = _sane(given.get(variable.name))
        options: tuple[str, ...] = ()
        if listed or variable.kind != "query" or _depends(variable, chosen):
            options = await _options(variable, values(found), window, ask, where)
        found[variable.name] = _resolved(variable, options, chosen)
    return found


def values(found: Mapping[str, Resolved]) -> Values:
    """Returns what `expand` takes."""
    return {name: each.value for name, each in found.items()}


def _sane(given: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if given is None else tuple(each[:LONGEST] for each in given[:MOST_VALUES])


def _depends(variable: Variable, given: tuple[str, ...] | None) -> bool:
    """Returns whether the value of a variable depends on what there is."""
    chosen = given or variable.chosen or ((ALL,) if variable.with_all else ())
    return not chosen or (ALL in chosen and not variable.all_value)


async def _options(
    variable: Variable, before: Values, window: Window, ask: Ask, where: str
) -> tuple[str, ...]:
    if variable.kind == "datasource":
        return (UIDS[variable.query],) if variable.query in UIDS else ()
    if variable.kind == "custom":
        return variable.options or tuple(each.strip() for each in variable.query.split(","))
    if variable.kind != "query":
        return ()
    selector, label = label_values(variable.query)
    return tuple(await ask(expand(selector, before, window, where=where), label))[:MOST_VALUES]


def _resolved(variable: Variable, options: tuple[str, ...], given: tuple[str, ...] | None) -> Resolved:
    several = variable.several or variable.with_all
    if variable.kind == "datasource":
        return Resolved(variable, Value(options or (variable.query,)), options)
    if variable.kind in {"textbox", "constant"}:
        return Resolved(variable, Value((given or (variable.query,))[:1]), ())
    chosen = given if given is not None and any(given) else variable.chosen
    if variable.with_all and (ALL in chosen or "All" in chosen or not chosen):
        value = Value(options or ("",), several, variable.all_value or None)
        return Resolved(variable, value, options, everything=True)
    kept = chosen or options[:1] or ("",)
    return Resolved(variable, Value(kept if several else kept[:1], several), options)
