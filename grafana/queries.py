"""The queries of panels: each names its data source by the board's variable, never by a fixed name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from grafana_foundation_sdk.builders import loki, prometheus, tempo
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.tempo import SearchTableType

from grafana import log_queries

Source = Literal["metrics", "logs", "traces"]
# The kind of data source behind each variable.
KINDS: Final[dict[Source, str]] = {
    "metrics": "prometheus",
    "logs": "loki",
    "traces": "tempo",
}
TargetBuilder = prometheus.Dataquery | loki.Dataquery | tempo.Dataquery


class PanelError(ValueError):
    """A panel that cannot be rendered; the message names the argument and the fix."""


def reference(source: Source) -> common.DataSourceRef:
    """Returns the reference to the data source that the reader chose in the variable."""
    return common.DataSourceRef(type_val=KINDS[source], uid=f"${{{source}}}")


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel.

    Args:
        text: PromQL, LogQL or TraceQL, by ``source``; ``$service`` is a variable, ``${api_p95}`` a threshold.
        legend: how a series is called, with labels as ``{{label}}``.
        source: the variable of the data source.
        now: whether it asks for one value at the end of the range and not for a series (``instant``).
        exemplars: whether the trace IDs of single observations are shown.
        buckets: whether the series are a histogram's buckets (``format: heatmap``).
        most: how many lines or traces are shown at most (logs and traces only).
    """

    text: str
    legend: str = ""
    source: Source = "metrics"
    now: bool = False
    exemplars: bool = False
    buckets: bool = False
    most: int = 200

    def target(self, ref_id: str, *, table: bool) -> TargetBuilder:
        """Returns the query as Grafana's model has it; ``table``: rows, not series.

        Raises:
            PanelError: it names a field that our log lines do not have.
        """
        if self.source == "metrics":
            return self._metrics(ref_id, table=table)
        if self.source == "logs":
            return self._logs(ref_id)
        return (
            tempo.Dataquery()
            .ref_id(ref_id)
            .datasource(reference("traces"))
            .query_type("traceql")
            .query(self.text)
            .table_type(SearchTableType.TRACES)
            .limit(self.most)
        )

    def _metrics(self, ref_id: str, *, table: bool) -> prometheus.Dataquery:
        query = prometheus.Dataquery().ref_id(ref_id).datasource(reference("metrics")).expr(self.text)
        query = query.instant() if self.now else query.range()
        if self.legend:
            query = query.legend_format(self.legend)
        if self.exemplars:
            query = query.exemplar(exemplar=True)
        if table or self.buckets:
            query = query.format(PromQueryFormat.TABLE if table else PromQueryFormat.HEATMAP)
        return query

    def _logs(self, ref_id: str) -> loki.Dataquery:
        if wrong := log_queries.unknown(self.text):
            raise PanelError(f"query {ref_id}: {wrong}")
        query = loki.Dataquery().ref_id(ref_id).datasource(reference("logs")).expr(self.text)
        query = query.query_type("instant" if self.now else "range").max_lines(self.most)
        return query.legend_format(self.legend) if self.legend else query
