"""The LogQL of our boards: all of it is written here, in five shapes and five filters.

Grafana sends these queries to Loki. The stand-in on a machine without Docker translates them to LogsQL for
VictoriaLogs; it knows exactly these forms, so a query of another form belongs here first.

| shape | LogQL, where ``S`` is the selector of streams and its filters |
|---|---|
| ``lines`` | ``S`` |
| ``count`` | ``sum(count_over_time(S [$__range]))`` |
| ``volume`` | ``sum by (FIELDS) (count_over_time(S [$__auto]))`` |
| ``top`` | ``topk(N, sum by (FIELDS) (count_over_time(S [$__range])))`` |
| ``costliest`` | ``topk(N, sum by (FIELDS) (sum_over_time(S | unwrap FIELD | __error__="" [$__range])))`` |

| filter | LogQL |
|---|---|
| ``equal`` | ``| FIELD="text"`` |
| ``matching`` | ``| FIELD=~"regular expression"``, of the whole value |
| ``containing`` | ``| FIELD=~`.*text.*` ``; an empty text lets every line pass, also one without the field |
| ``at_least`` | ``| severity_number>=N | __error__=""``; a line without a severity does not pass |
| ``saying`` | ``|~ `(?i)text` ``, of the line itself; an empty text lets every line pass |

Texts are constants of ours or variables of the board, which stand in them as ``$name``; what people type is
between backticks as ``${name:regex}``, because Grafana escapes neither quotes nor a regular expression's
characters in it otherwise. In a table, Grafana calls the value of such a query ``Value #A``, also if it is
the only one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from itertools import chain
from types import MappingProxyType
from typing import Final

ERROR: Final = 17
WARNING: Final = 13
# The names of fields in Loki, and in OTLP and VictoriaLogs, which keep the dots.
FIELDS: Final = MappingProxyType(
    {
        "service_name": "service.name",
        "deployment_environment_name": "deployment.environment.name",
        "service_instance_id": "service.instance.id",
        "severity_text": "severity_text",
        "severity_number": "severity_number",
        "request_id": "request_id",
        "trace_id": "trace_id",
        "user_id": "user.id",
        "logger": "logger",
        "http_route": "http.route",
        "exception_type": "exception.type",
        "db_operation_name": "db.operation.name",
        "db_collection_name": "db.collection.name",
        "query_shape": "query_shape",
        "duration_ms": "duration_ms",
    }
)
_ERROR: Final = "__error__"  # Loki's own
_TEXT: Final = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`', re.DOTALL)
_NAMES: Final = re.compile(r"([^\s{},|=~!>]+)(?:=~|!=|>=|=)|\bunwrap (\S+)|\bby \(([^)]*)\)")
# Loki wants one condition that an empty value does not meet, and "All" in a variable is `.*`.
CHOSEN: Final = (
    '{service_name=~".+", service_name=~"$service", deployment_environment_name=~"$environment"}'
    ' | service_instance_id=~"$instance"'
)


def equal(field: str, text: str) -> str:
    """Returns the filter for lines whose field is the text."""
    return f'| {field}="{text}"'


def matching(field: str, pattern: str) -> str:
    """Returns the filter for lines whose whole field matches the regular expression."""
    return f'| {field}=~"{pattern}"'


def containing(field: str, text: str) -> str:
    """Returns the filter for lines whose field contains the text; an empty one filters nothing."""
    return f"| {field}=~`.*{text}.*`"


def at_least(severity: int) -> str:
    """Returns the filter for lines of a severity number (OpenTelemetry's) or a worse one."""
    return f'| severity_number>={severity:d} | __error__=""'


def saying(text: str) -> str:
    """Returns the filter for lines that contain the text, in upper or lower case."""
    return f"|~ `(?i){text}`"


def lines(*filters: str, chosen: str = CHOSEN) -> str:
    """Returns the query for the lines themselves."""
    return " ".join([chosen, *filters])


def count(*filters: str, chosen: str = CHOSEN) -> str:
    """Returns the query for the number of lines in the range shown; ask it for one value (``now``)."""
    return f"sum(count_over_time({lines(*filters, chosen=chosen)} [$__range]))"


def volume(by: Sequence[str], *filters: str, chosen: str = CHOSEN) -> str:
    """Returns the query for the number of lines over time, one series per value of the fields ``by``."""
    return f"sum by ({_names(by)}) (count_over_time({lines(*filters, chosen=chosen)} [$__auto]))"


def top(most: int, by: Sequence[str], *filters: str, chosen: str = CHOSEN) -> str:
    """Returns the query for the values of ``by`` with the most lines in the range (``now``)."""
    counted = f"count_over_time({lines(*filters, chosen=chosen)} [$__range])"
    return f"topk({most:d}, sum by ({_names(by)}) ({counted}))"


def costliest(most: int, by: Sequence[str], field: str, *filters: str, chosen: str = CHOSEN) -> str:
    """Returns the query for the values of ``by`` with the largest sum of a field in the range (``now``)."""
    numbers = f'{lines(*filters, chosen=chosen)} | unwrap {field} | __error__=""'
    return f"topk({most:d}, sum by ({_names(by)}) (sum_over_time({numbers} [$__range])))"


def unknown(query: str) -> str:
    """Returns the sentence about the first field of a query that our log lines do not have, or nothing.

    It is asked when a board is rendered, so that the sentence can be told with board and panel.
    """
    found = ",".join(chain.from_iterable(_NAMES.findall(_TEXT.sub("", query)))).split(",")
    field = next((name for each in found if (name := each.strip()) not in {*FIELDS, _ERROR, ""}), "")
    if not field:
        return ""
    near = difflib.get_close_matches(re.sub(r"\W", "_", field), FIELDS, 1)
    meant = f"Do you mean {near[0]}?" if near else f"Name one of {', '.join(sorted(FIELDS))}."
    return f"{field!r} is no field of our log lines (FIELDS in grafana/log_queries.py). {meant}"


def _names(fields: Sequence[str]) -> str:
    return ", ".join(fields)
