"""The kinds of panels that our boards have; each function returns one, with everything that lint asks for.

Every panel has a title, a description (what it means, and what to do when it is red) and a unit of Grafana's
(https://grafana.com/docs/grafana/latest/panels-visualizations/configure-standard-options/#unit).
"""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from grafana_foundation_sdk.builders import bargauge, common, statetimeline, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import heatmap as heatmaps
from grafana_foundation_sdk.builders import logs as log_panels
from grafana_foundation_sdk.builders import stat as stats
from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.builders import text as texts
from grafana_foundation_sdk.models import common as shared
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models import text as text_models

from grafana import looks
from grafana.looks import Limit
from grafana.queries import PanelError, Query, Source, reference
from stack.alerting.thresholds import Thresholds

GRID: Final = 24
NO_DATA: Final = "nothing yet"
_QUIET: Final = ("pending", "noData", "normal")  # states of an alert that is not firing


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a panel or of its values; the address may use Grafana's variables (``${__value.raw}``)."""

    title: str
    url: str

    def built(self) -> builders.DashboardLink:
        """Returns the link as Grafana's model has it."""
        return builders.DashboardLink(self.title).url(self.url).target_blank(target_blank=False)


@dataclass(frozen=True, slots=True)
class About:
    """What every panel has.

    Args:
        title: unique on its board: the panel's id is made of it.
        description: what it means, and what to do when it is red; ``${api_p95:text}`` is a threshold, here
            and in ``empty``.
        unit: of Grafana's units (``short``, ``s``, ``percentunit``, ``reqps``, ``bytes``, ...).
        width: of 24 columns.
        height: in Grafana's grid, about 30 pixels each.
        limit: the alert's threshold.
        base: the colour of values that neither a limit nor a state colours; calm if it is empty.
        empty: what is shown without data: why there may be none, or what would be here.
        links: of the panel, or of its values if ``on_values``.
        on_values: whether the links use a value.
    """

    title: str
    description: str
    unit: str = "short"
    width: int = 12
    height: int = 8
    limit: Limit | None = None
    base: str = ""
    empty: str = NO_DATA
    links: tuple[Link, ...] = ()
    on_values: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel without its place on the board.

    Args:
        about: what every panel has.
        built: returns the SDK's builder, with thresholds in colours, texts and queries; raises AlertingError
            if a limit, text or query names another, and PanelError for any other mistake in the panel.
    """

    about: About
    built: Callable[[Thresholds], Any]  # the builders of the kinds have no common type


def stat(about: About, *queries: Query, states: dict[str, tuple[str, str]] | None = None) -> Panel:
    """Returns the last value of each query, coloured by the limit; ``states``: text and colour by value."""
    last = common.ReduceDataOptions().calcs(["lastNotNull"]).values(values=False)
    panel = stats.Panel().reduce_options(last).graph_mode(shared.BigValueGraphMode.NONE)
    panel = panel.color_mode(
        shared.BigValueColorMode.BACKGROUND_SOLID if states else shared.BigValueColorMode.VALUE
    )
    # Without a name, nobody knows whose value it is if the other queries find nothing.
    named = shared.BigValueTextMode.VALUE_AND_NAME if len(queries) > 1 else shared.BigValueTextMode.AUTO
    panel = panel.text_mode(named)
    return _finished(about, panel, queries, states=states)


def bars(about: About, *queries: Query) -> Panel:
    """Returns horizontal bars, one per series, with names and last values; those of shares end at 100 %."""
    last = common.ReduceDataOptions().calcs(["lastNotNull"]).values(values=False)
    panel = bargauge.Panel().reduce_options(last).orientation(shared.VizOrientation.HORIZONTAL)
    panel = panel.display_mode(shared.BarGaugeDisplayMode.BASIC).show_unfilled(show_unfilled=False).min(0)
    panel = panel.max(1) if about.unit == "percentunit" else panel
    # Grafana shows no name for a single bar, unless the panel gives one: that of the query's legend.
    return _finished(about, panel.display_name("${__field.displayName}"), queries)


def lines(about: About, *queries: Query, points: bool = False, least: float | None = 0) -> Panel:
    """Returns lines over time, never stacked; the limit is a line, too. ``least``: where the axis begins."""
    legend = common.VizLegendOptions().display_mode(shared.LegendDisplayMode.LIST)
    legend = legend.placement(shared.LegendPlacement.BOTTOM).show_legend(show_legend=True).calcs([])
    tip = common.VizTooltipOptions().mode(shared.TooltipDisplayMode.MULTI).sort(shared.SortOrder.DESCENDING)
    panel = timeseries.Panel().legend(legend).tooltip(tip).line_width(2).fill_opacity(0)
    seen = shared.VisibilityMode.ALWAYS if points else shared.VisibilityMode.AUTO
    panel = panel.show_points(seen) if least is None else panel.show_points(seen).axis_soft_min(least)
    panel = looks.painted(panel, [query.legend for query in queries])
    if about.limit:
        style = common.GraphThresholdsStyleConfig().mode(shared.GraphThresholdsStyleMode.LINE)
        panel = panel.thresholds_style(style)
    return _finished(about, panel, queries)


def heat(about: About, query: Query) -> Panel:
    """Returns a histogram over time; its query asks for buckets, and its exemplars lead to traces."""
    colors = heatmaps.HeatmapColorOptions().mode(heatmap_models.HeatmapColorMode.SCHEME)
    colors = colors.scheme("Viridis").steps(64).reverse(reverse=False)
    axis = heatmaps.YAxisConfig().unit(about.unit)
    panel = heatmaps.Panel().color(colors).y_axis(axis).calculate(calculate=False)
    return _finished(about, panel, [query])


def table(
    about: About,
    *queries: Query,
    columns: dict[str, str],
    units: dict[str, str] | None = None,
    sort: str = "",
    joined: str = "",
) -> Panel:
    """Returns rows, one per series.

    Args:
        about: what every panel has.
        queries: each asks for one value now; several are joined by the label ``joined``.
        columns: the labels and values that are shown, in order, with their heads; a query's value is
            ``Value`` or ``Value #A``, ``Value #B`` if there are several.
        units: of columns that have another one than the panel, by head.
        sort: the head of the column to sort by, largest first.
        joined: the label that the queries have in common.
    """
    panel = tables.Panel().show_header(show_header=True).filterable(filterable=True)
    if joined:
        panel = panel.with_transformation(_change("joinByField", {"byField": joined, "mode": "outer"}))
    order = {name: index for index, name in enumerate(columns)}
    panel = panel.with_transformation(_change("filterFieldsByName", {"include": {"names": list(columns)}}))
    panel = panel.with_transformation(
        _change("organize", {"indexByName": order, "renameByName": columns, "excludeByName": {}})
    )
    # The panel's sentence is for a table without rows; Grafana would put it into each empty cell.
    panel = panel.override_by_regexp(".*", [models.DynamicConfigValue(id_val="noValue", value="–")])  # noqa: RUF001
    for head, unit in (units or {}).items():
        panel = panel.override_by_name(head, [models.DynamicConfigValue(id_val="unit", value=unit)])
    if sort:
        panel = panel.sort_by([common.TableSortByFieldState().display_name(sort).desc(desc=True)])
    heads = [*columns.values()]
    wrong = next((each for each in units or {} if each not in heads), "")
    mistake = f"units: no column is {wrong!r}: name one of {', '.join(heads)}." if wrong else ""
    return _finished(about, panel, queries, rows=True, mistake=mistake)


def timeline(about: About, *queries: Query, states: dict[str, tuple[str, str]]) -> Panel:
    """Returns one bar per series whose colour is its state over time, with the states' names below."""
    legend = common.VizLegendOptions().display_mode(shared.LegendDisplayMode.LIST)
    legend = legend.placement(shared.LegendPlacement.BOTTOM).show_legend(show_legend=True).calcs([])
    panel = statetimeline.Panel().show_value(shared.VisibilityMode.AUTO).row_height(0.8).legend(legend)
    panel = panel.merge_values(merge_values=True)
    return _finished(about, panel, queries, states=states)


def logs(about: About, *queries: Query) -> Panel:
    """Returns log lines, the newest first; opening one shows its fields."""
    panel = log_panels.Panel().show_time(show_time=True).enable_log_details(enable_log_details=True)
    panel = panel.sort_order(shared.LogsSortOrder.DESCENDING).wrap_log_message(wrap_log_message=True)
    return _finished(about, panel, queries)


def traces(about: About, query: Query, *, slowest: bool = False) -> Panel:
    """Returns the traces that a search finds, each a link to its spans; the newest first, or the slowest."""
    panel = tables.Panel().show_header(show_header=True)
    if slowest:
        panel = panel.sort_by([common.TableSortByFieldState().display_name("Duration").desc(desc=True)])
    return _finished(about, panel, [query])


def alerts(about: About, *, firing: str = "") -> Panel:
    """Returns the alerts that are firing now, with links to acknowledge them (Grafana's `alertlist`).

    The SDK has no builder of this kind.

    Args:
        about: what every panel has.
        firing: only alerts with these labels: a selector, as ``{severity="page"}``.
    """
    options = {
        "viewMode": "list",
        "groupMode": "default",
        "groupBy": [],
        "maxItems": 50,
        "sortOrder": 5,  # the newest first; by importance, all that fire are alike
        "dashboardAlerts": False,
        "alertName": "",
        "alertInstanceLabelFilter": firing,
        # A source's name, no variable: of all that have rules, which is the one Prometheus.
        "datasource": None,
        "showInactiveAlerts": False,
        "stateFilter": {"firing": True, "recovering": True, "error": True} | dict.fromkeys(_QUIET, False),
    }
    panel = builders.Panel().type("alertlist").options(options)
    return _finished(about, panel, [], source="metrics")


def words(about: About, markdown: str) -> Panel:
    """Returns text in Markdown."""
    panel = texts.Panel().mode(text_models.TextMode.MARKDOWN).content(markdown)
    return Panel(about, partial(_described, about, panel))


def _change(name: str, options: dict[str, Any]) -> models.DataTransformerConfig:
    return models.DataTransformerConfig(id_val=name, options=options)


def _described(about: About, panel: Any, thresholds: Thresholds) -> Any:  # noqa: ANN401 - no common type
    return panel.title(about.title).description(thresholds.fill(about.description, "description"))


def _finished(
    about: About,
    panel: Any,  # noqa: ANN401 - the builders of the kinds have no common type
    queries: Sequence[Query],
    *,
    states: dict[str, tuple[str, str]] | None = None,
    rows: bool = False,
    source: Source | None = None,
    mistake: str = "",
) -> Panel:
    """Adds what all kinds have to a panel, once its board is rendered: that tells which panel is wrong."""

    def built(thresholds: Thresholds) -> Any:  # noqa: ANN401 - likewise
        if mistake or not (queries or source):
            raise PanelError(mistake or "it has no query: give it one.")
        found = panel.unit(about.unit).datasource(reference(source or queries[0].source))
        found = found.mappings(looks.states(states)) if states else found
        links = [link.built() for link in about.links]
        if links:
            found = found.data_links(links) if about.on_values else found.links(links)
        return _judged(about, found, queries, thresholds, rows=rows)

    return Panel(about, built)


def _judged(
    about: About,
    panel: Any,  # noqa: ANN401 - likewise
    queries: Sequence[Query],
    thresholds: Thresholds,
    *,
    rows: bool,
) -> Any:  # noqa: ANN401 - likewise
    """Adds what depends on thresholds."""
    steps = looks.exactly((None, about.base)) if about.base else looks.steps(about.limit, thresholds)
    panel = _described(about, panel, thresholds).thresholds(steps)
    panel = panel.no_value(thresholds.fill(about.empty, "empty"))
    asked = [replace(query, text=thresholds.fill(query.text, "query")) for query in queries]
    lettered = zip(string.ascii_uppercase, asked, strict=False)
    return panel.targets([query.target(letter, table=rows) for letter, query in lettered]) if asked else panel


__all__ = [
    "GRID", "About", "Limit", "Link", "Panel", "Query",
    "alerts", "bars", "heat", "lines", "logs", "stat", "table", "timeline", "traces", "words",
]  # fmt: skip
