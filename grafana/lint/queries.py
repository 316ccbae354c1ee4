"""Rules about queries: they can be parsed, find something, and count right at every range and zoom."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import yaml

from grafana.lint.known import Known
from grafana.lint.promql import Selector, parts
from grafana.lint.shown import Asked, Content, Finding, Shown
from grafana.lint.shown import title as named
from stack.alerting import declared
from stack.boards import logql, traceql
from stack.boards.dashboards import DashboardError, Source
from stack.boards.expansion import ExpansionError, Value, expand
from stack.boards.window import Window
from stack.native.tools import ensure

_WINDOW: Final = Window(0, 6 * 3600)
_RATES: Final = frozenset({"rate", "irate", "increase", "delta", "idelta"})
_AGES: Final = frozenset({"last_over_time", "present_over_time"})
_FREE: Final = re.compile(r"\$\{?__(?:rate_interval|range|range_s)\}?s?(?::.*)?")
_TOO_SHORT: Final = re.compile(r"\$\{?__(?:interval|auto)\}?(?::.*)?")
_SPAN: Final = re.compile(r"(\d+)([smhdwy])(?::.*)?")
_UNITS: Final = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "y": "year"}
_NUMBERS: Final = dict(
    zip(range(1, 13), "one two three four five six seven eight nine ten eleven twelve".split(), strict=True)  # noqa: SIM905 - words
)
_SAME: Final = {"7d": "week", "24h": "day", "60m": "hour", "28d": "month", "30d": "month", "1h": "hourly",
                "1d": "daily", "1w": "weekly"}  # fmt: skip
_OTHER_WINDOW: Final = (
    "{}(…[{}]): use [$__rate_interval], or [$__range] for one value; "
    "if the window is what is meant, say it in title or description."
)
_OWN: Final = frozenset(
    {"instance", "deployment_environment_name", "service_name", "service_namespace", "host_name"}
)
# The name that collector-config/host.yaml gives every machine: no team's.
_EVERYBODYS: Final = ("service_name", "host")
_ADDRESS: Final = re.compile(r"\d+\.\d+\.\d+\.\d+|:\d{4,5}\b")
_PARSERS: Final[Mapping[str, tuple[str, Source, Callable[[str], object]]]] = {
    "loki": ("LogQL", "logs", logql.parsed),
    "tempo": ("TraceQL", "traces", traceql.parsed),
}
_OUTPUT: Final = re.compile(r'rule \d+, "lint:q(\d+)": (.*)')


def source(board: Shown, _known: Known) -> Iterator[Finding]:
    """Each query goes to the data source that the reader chose, never to one by its name."""
    kinds = {each["name"]: each.get("query") for each in board.variables if each["type"] == "datasource"}
    for where, reference in _references(board):
        name = re.fullmatch(r"\$\{?(\w+)\}?", str(reference.get("uid") or ""))
        if name is None:
            yield (
                where,
                f"it asks the data source {reference.get('uid')!r}: name a variable, as ${{metrics}}.",
            )
        elif name[1] not in kinds:
            yield where, f"the board has no data source ${{{name[1]}}}: add it to its sources."
        elif kinds[name[1]] != reference.get("type"):
            yield where, f"${{{name[1]}}} is a {kinds[name[1]]}, but it asks for a {reference.get('type')}."


def _references(board: Shown) -> Iterator[tuple[str, Content]]:
    for panel in board.panels:
        if panel["type"] != "text":
            yield named(panel), panel.get("datasource") or {}
        yield from ((named(panel), target.get("datasource") or {}) for target in panel.get("targets") or [])
    for variable in board.variables:
        if variable["type"] == "query":
            yield f"variable {variable['name']}", variable.get("datasource") or {}
    for note in board.annotations:
        yield f"annotation {note.get('name')}", note.get("datasource") or {}


def windows(board: Shown, _known: Known) -> Iterator[Finding]:
    """A window fits the zoom (`$__rate_interval`) or the range, or is what the panel's words say.

    How old a last value may be depends on neither, and an annotation's step is fixed.
    """
    texts = {panel.get("title"): _words(panel) for panel in board.panels}
    for query in board.promql:
        for window in parts(query.text).windows:
            if (
                _FREE.fullmatch(window.span)
                or window.function in _AGES
                or query.where.startswith("annotation ")
            ):
                continue
            if _TOO_SHORT.fullmatch(window.span) and window.function not in _RATES:
                continue
            if not says(f"{texts.get(query.where, '')} {query.legend}", window.span):
                yield query.where, _OTHER_WINDOW.format(window.function, window.span)


def says(text: str, span: str) -> bool:
    """Returns whether a text names a window such as ``1h`` (an hour) or ``7d`` (a week)."""
    match = _SPAN.fullmatch(span)
    if match is None:
        return False
    number, unit = int(match[1]), _UNITS[match[2]]
    amounts = [str(number), _NUMBERS.get(number, str(number))]
    wanted = [rf"\b(?:{'|'.join(amounts)})[- ]?(?:{unit}s?|{match[2]}|min)\b"]
    wanted += [rf"\b{unit}\b"] if number == 1 else []
    wanted += [rf"\b{_SAME[match[1] + match[2]]}\b"] if match[1] + match[2] in _SAME else []
    return any(re.search(each, text, re.IGNORECASE) for each in wanted)


def _words(panel: Content) -> str:
    return f"{panel.get('title') or ''} {panel.get('description') or ''}"


def hard_coded(board: Shown, _known: Known) -> Iterator[Finding]:
    """No query names one instance, host, environment, service or address: variables do."""
    for query in board.promql:
        for matcher in (each for selector in parts(query.text).selectors for each in selector.matchers):
            fixed = matcher["value"] not in {"", ".+", ".*"} and "$" not in matcher["value"]
            fixed = fixed and (matcher["name"], matcher["value"]) != _EVERYBODYS
            if fixed and (matcher["name"] in _OWN or _ADDRESS.search(matcher["value"])):
                shown = f'{matcher["name"]}{matcher["type"]}"{matcher["value"]}"'
                yield query.where, f"it asks for {shown} only: use a variable of the board."


def hidden(board: Shown, _known: Known) -> Iterator[Finding]:
    """No query turns "no data" into 0: a panel would be calm because nothing reports.

    Alerts that fire are the exception: nothing but Prometheus itself reports them.
    """
    for query in board.promql:
        found = parts(query.text)
        if found.hides_absence and {each.name for each in found.selectors} != {"ALERTS"}:
            fix = "drop that, or say `or 0 * count(…)` of what reports"
            yield query.where, f"query {query.ref_id} has `or vector(0)`, so no data looks like 0: {fix}."


def series(board: Shown, known: Known) -> Iterator[Finding]:
    """Somebody emits each series, with the labels and values that are asked for."""
    for query in board.promql:
        found = parts(query.text).selectors
        for name in sorted({each.name for each in found} - known.series - {""}):
            yield (
                query.where,
                f"nobody emits {name}: declare it, record it, or add it to grafana/lint/foreign.py.",
            )
        for selector in found:
            yield from ((query.where, fault) for fault in _labels(selector))


def _labels(selector: Selector) -> Iterator[str]:
    family = declared.family(selector.name)
    fixed = [each for each in selector.matchers if "$" not in each["value"] and each["name"] != "__name__"]
    if family:
        yield from (
            f"{selector.name} never has {each}: see docs/telemetry.md."
            for each in declared.mistakes(family, fixed)
        )


def promql(board: Shown, _known: Known) -> Iterator[Finding]:
    """Prometheus' own parser accepts each query, with its variables expanded."""
    found = dict(enumerate(board.promql))
    rules = []
    for number, query in found.items():
        try:
            expanded = expand(query.text, values(board), _WINDOW, where=query.where)
        except ExpansionError:
            continue  # the rule about variables says it
        rules.append({"record": f"lint:q{number}", "expr": expanded})
    yield from _refused(found, rules)


def other(board: Shown, _known: Known) -> Iterator[Finding]:
    """The stand-in can translate each query in LogQL and TraceQL."""
    for query in (each for each in board.queries if each.source in _PARSERS):
        language, source, parse = _PARSERS[query.source]
        try:
            parse(expand(query.text, values(board), _WINDOW, source=source, where=query.where))
        except ExpansionError:
            continue  # the rule about variables says it
        except DashboardError as error:
            yield query.where, f"query {query.ref_id} is no {language} that the stand-in has: {error}"


def _refused(found: Mapping[int, Asked], rules: list[dict[str, str]]) -> Iterator[Finding]:
    promtool = ensure(["promtool"])["promtool"]
    with tempfile.TemporaryDirectory(prefix="boards-") as made:
        path = Path(made) / "queries.yml"
        path.write_text(yaml.safe_dump({"groups": [{"name": "lint", "rules": rules}]}), encoding="utf-8")
        command = [str(promtool), "check", "rules", "--lint=none", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - the built tool
    said = done.stdout + done.stderr
    for number, reason in _OUTPUT.findall(said):
        query = found[int(number)]
        yield query.where, f"query {query.ref_id} is no PromQL: {reason}."
    if done.returncode and not _OUTPUT.search(said):
        yield "the board", f"promtool cannot check its queries: {said.strip()}"


def values(board: Shown) -> dict[str, Value]:
    """Returns a value for each variable, as a query may have it."""
    return {each["name"]: _value(each) for each in board.variables}


def _value(variable: Content) -> Value:
    query = variable.get("query") or ""
    if variable["type"] in {"textbox", "constant", "datasource"}:
        return Value((str(query),))
    if variable["type"] == "custom":
        return Value((str(query).split(",")[0].strip(),), bool(variable.get("multi")))
    return Value(("x",), bool(variable.get("multi")), variable.get("allValue"))
