"""Recording rules of the service level objectives, which `alertmanager/rules/slo.yml` alerts on.

An objective becomes two counters per process, `instance:slo_events:total` and `instance:slo_failures:total`.
All windows are sums of their increases. A window's failures are divided by its events, so the ratio is
weighted by requests, and without traffic there is none. The counters start at 0 with the process: an increase
sees the first failure of a kind, which a series that begins with it would hide.

Source of windows and factors: The Site Reliability Workbook, chapter 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import yaml

from stack.alerting.slos import Availability, Counted, Counters, Latency, Routes, Slo

Rule = dict[str, Any]

_DURATION: Final = "http_server_request_duration_seconds"
# Read from the counters at each evaluation: a total outage must page within a minute.
_FRESH: Final = ("5m", "30m", "1h")
_RECENT: Final = ("2h", "6h")
# Summed from five-minute counts: three days of raw samples would be read again and again.
_LONG: Final = ("1d", "3d")
_LABELS: Final = "slo, owner, service_name"


def render(slos: Iterable[Slo]) -> str:
    """Returns the rule file of these objectives."""
    return yaml.safe_dump({"groups": groups(tuple(slos))}, sort_keys=False, width=1000)


def groups(slos: tuple[Slo, ...]) -> list[Rule]:
    """Returns the rule groups of these objectives."""
    windows = dict.fromkeys(slo.window for slo in slos)
    per_slo = [rule for slo in slos for rule in _counters(slo)]
    fresh = [*_from_counters(_FRESH), *_burn_rates(_FRESH)]
    slow = [*_from_counters(_RECENT), *_from_counts((*_LONG, *windows)), *_burn_rates((*_RECENT, *_LONG))]
    return [
        {"name": "slo-counters", "rules": [*per_slo, *fresh]},
        # Without overlap and without gap: their sum over days is the number of events.
        {
            "name": "slo-counts",
            "interval": "5m",
            "rules": [_increase(each, "5m", f"slo:{each}:count5m") for each in ("events", "failures")],
        },
        # A minute later does not matter for windows of hours.
        {"name": "slo-windows", "interval": "1m", "rules": [*slow, *_budgets(windows)]},
    ]


def _counters(slo: Slo) -> Iterator[Rule]:
    labels = {"slo": slo.name, "owner": slo.owner, "service_name": slo.service}
    facts = {"window": slo.window, "urgency": slo.urgency, "problem": slo.problem, "impact": slo.impact}
    yield {
        "record": "slo:objective:ratio",
        "expr": f"vector({slo.objective!r})",
        "labels": {**labels, **facts},
    }
    events, failures = _expressions(slo)
    yield {"record": "instance:slo_events:total", "expr": events, "labels": {**labels}}
    yield {"record": "instance:slo_failures:total", "expr": failures, "labels": {**labels}}


def _expressions(slo: Slo) -> tuple[str, str]:
    match slo.availability or slo.latency or slo.counters:
        case Availability() as requests:
            return _availability(slo.service, requests)
        case Latency() as requests:
            return _latency(slo.service, requests)
        case Counters() as counters:
            return _sum(counters.events), _sum(counters.failures)
    raise ValueError(f"{slo.name} has no indicator")  # pragma: no cover - the loader refuses it


def _requests(service: str, requests: Routes, *matchers: str, part: str = "count") -> str:
    chosen = ",".join((f'service_name="{service}"', requests.matchers(), *matchers))
    return f"sum by (instance) ({_DURATION}_{part}{{{chosen}}})"


def _nothing(service: str) -> str:
    """0 for each process that reports any request: what nobody asked for is not absent."""
    return f'sum by (instance) ({_DURATION}_count{{service_name="{service}"}}) * 0'


def _availability(service: str, requests: Availability) -> tuple[str, str]:
    # Without a status there was no whole response; only a client that left is not our failure.
    bad = ('http_response_status_code=~"5..|"', 'error_type!="disconnected"')
    zero = _nothing(service)
    return (
        f"{_requests(service, requests)} or {zero}",
        f"{_requests(service, requests, *bad)} or {zero}",
    )


def _latency(service: str, requests: Latency) -> tuple[str, str]:
    good = 'http_response_status_code!~"5.."'
    answered = _requests(service, requests, good)
    in_time = _requests(service, requests, good, _bucket(requests.below), part="bucket")
    zero = _nothing(service)
    # Without its bucket the difference is absent, not 0: SloDataAbsent says so.
    return f"{answered} or {zero}", f"{answered} - {in_time} or ({zero} unless {answered})"


def _bucket(bound: float) -> str:
    """Matches the bound as Prometheus writes it for pushed (`1`) and for scraped (`1.0`) histograms."""
    return f'le=~"{"|".join(dict.fromkeys((f"{bound:g}", str(float(bound)))))}"'.replace(".", "[.]")


def _sum(terms: Iterable[Counted]) -> str:
    """Adds the counters: if one is absent, so is the sum."""
    return " + ".join(_counted(term) for term in terms)


def _counted(term: Counted) -> str:
    matchers = [f'{label}="{value}"' for label, value in term.labels.items()]
    chosen = ",".join(matchers)
    if term.slower_than is None:
        return f"sum by (instance) ({term.metric}{{{chosen}}})"
    in_time = ",".join((*matchers, _bucket(term.slower_than)))
    return (
        f"(sum by (instance) ({term.metric}_count{{{chosen}}})"
        f" - sum by (instance) ({term.metric}_bucket{{{in_time}}}))"
    )


def _increase(what: str, window: str, record: str) -> Rule:
    return {"record": record, "expr": f"sum by ({_LABELS}) (increase(instance:slo_{what}:total[{window}]))"}


def _from_counters(windows: Iterable[str]) -> Iterator[Rule]:
    for window in windows:
        for what in ("events", "failures"):
            yield _increase(what, window, f"slo:{what}:increase{window}")


def _from_counts(windows: Iterable[str]) -> Iterator[Rule]:
    for window in windows:
        for what in ("events", "failures"):
            expression = f"sum_over_time(slo:{what}:count5m[{window}])"
            yield {"record": f"slo:{what}:increase{window}", "expr": expression}


def _burn_rates(windows: Iterable[str]) -> Iterator[Rule]:
    """How many times faster than the budget allows: 1 spends exactly the budget by the end of the window."""
    for window in windows:
        yield {"record": f"slo:burn_rate:ratio{window}", "expr": _burn_rate(window, "slo:objective:ratio")}


def _burn_rate(window: str, objective: str) -> str:
    # Without events there is no ratio: neither good nor bad.
    ratio = f"slo:failures:increase{window} / (slo:events:increase{window} > 0)"
    return f"{ratio} / on (slo) group_left () (1 - {objective})"


def _budgets(windows: Iterable[str]) -> Iterator[Rule]:
    """The share of good events, the budget left, and for how long, over each objective's own window."""
    for window in windows:
        objective = f'slo:objective:ratio{{window="{window}"}}'
        good = f"1 - slo:failures:increase{window} / (slo:events:increase{window} > 0)"
        yield {"record": "slo:good:ratio", "expr": f"{good} and on (slo) {objective}"}
        yield {"record": "slo:error_budget_left:ratio", "expr": f"1 - {_burn_rate(window, objective)}"}
        yield {"record": "slo:error_budget_left:days", "expr": _days_left(window, objective)}


def _days_left(window: str, objective: str) -> str:
    """How long the budget lasts at the pace of the last three days; the window, if that is longer.

    Failures also leave the window, so that the budget usually lasts longer.
    """
    days = window.removesuffix("d")
    left = f"(1 - {_burn_rate(window, objective)})"
    return f"clamp({left} * {days} / slo:burn_rate:ratio3d, 0, {days})"
