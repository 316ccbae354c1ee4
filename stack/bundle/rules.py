"""The rules that serve any service: those that read nothing of the platform's own, directly or not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from stack.alerting import burn_rates
from stack.alerting.links import Links
from stack.alerting.rules import rules
from stack.alerting.slos import Slo
from stack.bundle.portable import Portable
from stack.bundle.wording import PLATFORM, Wording

OBJECTIVES: Final = "slo-recordings.yml"
# The platform's metrics, and those of the canary, which is a program of this repository.
_OWN: Final = re.compile(r'\b(lms_|lms:|telemetry_canary_)|job="canary"')
# Not a variable of Grafana, as ``${text:regex}``.
_RECORDED: Final = re.compile(r"(?<![\w{])[a-zA-Z_]\w*(?::\w+)+")
_STRING: Final = re.compile(r'"[^"]*"')
_TEXTS: Final = ("summary", "description", "impact")
_HEAD: Final = "# Written as part of a bundle: README.md says what it is.\n"

Rule = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rules:
    """Rule files, and what was left out.

    Args:
        files: the content of each file, by name.
        recorded: the names that they record.
        alerts: the names of their alerts.
        left_out: the names of the rules that only the platform can use.
        everything: whether the service is the platform, which has all that we measure.
    """

    files: Mapping[str, Rule]
    recorded: frozenset[str]
    alerts: tuple[str, ...]
    left_out: tuple[str, ...]
    everything: bool = False

    @property
    def absent(self) -> tuple[str, ...]:
        """The alerts that were left out."""
        return _absent(self.left_out)

    def serves(self, expression: str) -> bool:
        """Tells whether the service has what the expression reads."""
        if self.everything:
            return True
        read = set(_RECORDED.findall(_STRING.sub('""', expression)))
        return not _OWN.search(expression) and read <= self.recorded

    def texts(self) -> dict[str, str]:
        """Returns the files as Prometheus reads them."""
        return {name: dumped(content) for name, content in self.files.items()}


def dumped(content: Any) -> str:  # noqa: ANN401 - YAML is of any type
    """Returns a file of the bundle in YAML, which says where it is from."""
    return _HEAD + yaml.safe_dump(content, sort_keys=False, width=1000, allow_unicode=True)


def chosen(wording: Wording, environment: str, links: Links) -> Rules:
    """Returns the rules for a service, with its name and its thresholds.

    Raises:
        AlertingError: a source is wrong; the message names it.
    """
    rendered = rules(environment, links)
    if not wording.own:
        rendered[OBJECTIVES] = burn_rates.render(objectives(wording.service))
    files = {name: yaml.safe_load(text) for name, text in rendered.items()}
    if not wording.own:
        files = {name: _adapted(content, wording) for name, content in files.items()}
    everything = {_name(rule) for rule in _all(files)}
    kept = files if wording.own else _portable(files)
    absent = _absent(everything - {_name(rule) for rule in _all(kept)})
    kept = kept if wording.own else {name: _said(content, Portable(absent)) for name, content in kept.items()}
    names = {_name(rule) for rule in _all(kept)}
    return Rules(
        files=kept,
        recorded=frozenset(rule["record"] for rule in _all(kept) if "record" in rule),
        alerts=tuple(rule["alert"] for rule in _all(kept) if "alert" in rule),
        left_out=tuple(sorted(everything - names)),
        everything=wording.own,
    )


def objectives(service: str) -> tuple[Slo, ...]:
    """Returns the two objectives that every HTTP service can have: it answers, and soon enough."""
    shared = {"owner": "platform", "service": service, "window": "30d", "urgency": "page"}
    answered = {
        "name": "api-availability",
        "problem": "Requests fail",
        "target": 99.9,
        "reason": "43 minutes of total outage a month.",
        "impact": "Users get errors.",
        "availability": {"routes": "/"},
    }
    soon = {
        "name": "api-latency",
        "problem": "Requests take more than half a second",
        "target": 99,
        "reason": "Above half a second a page feels stuck.",
        "impact": "Users wait.",
        "latency": {"routes": "/", "below": 0.5},
    }
    return tuple(Slo.model_validate({**shared, **each}) for each in (answered, soon))


def _portable(files: Mapping[str, Rule]) -> dict[str, Rule]:
    """Returns the files without the rules that read what is the platform's, or what such a rule records."""
    everything = {rule["record"] for rule in _all(files) if "record" in rule}
    kept = dict(files)
    gone: set[str] = set()
    while True:
        kept = {name: _without(content, gone) for name, content in kept.items()}
        lost = everything - {rule["record"] for rule in _all(kept) if "record" in rule}
        if lost <= gone:
            return {name: content for name, content in kept.items() if content["groups"]}
        gone = lost


def _without(content: Rule, gone: set[str]) -> Rule:
    groups = [
        {**group, "rules": [rule for rule in group["rules"] if not _foreign(rule, gone)]}
        for group in content["groups"]
    ]
    return {**content, "groups": [group for group in groups if group["rules"]]}


def _foreign(rule: Rule, gone: set[str]) -> bool:
    read = f"{rule.get('record', '')} {rule['expr']}"
    return bool(_OWN.search(read)) or bool(set(_RECORDED.findall(rule["expr"])) & gone)


def _adapted(content: Rule, wording: Wording) -> Rule:
    groups = [
        {
            **group,
            "name": wording.service if group["name"] == PLATFORM else group["name"],
            "rules": [_rule(rule, wording) for rule in group["rules"]],
        }
        for group in content["groups"]
    ]
    return {**content, "groups": groups}


def _rule(rule: Rule, wording: Wording) -> Rule:
    found = {**rule, "expr": wording.query(rule["expr"])}
    if "alert" in rule:
        found["alert"] = wording.name(rule["alert"])
    labels = rule.get("labels") or {}
    if labels.get("service_name") == PLATFORM:
        found["labels"] = {**labels, "service_name": wording.service}
    if "annotations" in rule:
        # Some ask Prometheus, so they have matchers as well.
        found["annotations"] = {
            name: wording.prose(wording.query(text)) for name, text in rule["annotations"].items()
        }
    return found


def _said(content: Rule, portable: Portable) -> Rule:
    """Returns a rule file whose alerts say only what holds for every service."""
    for group in content["groups"]:
        for rule in group["rules"]:
            notes = rule.get("annotations") or {}
            notes.update({key: portable.text(text) for key, text in notes.items() if key in _TEXTS})
    return content


def _absent(names: Iterable[str]) -> tuple[str, ...]:
    # Of recording rules and alerts, only an alert's name has no colon.
    return tuple(name for name in sorted(names) if ":" not in name)


def _all(files: Mapping[str, Rule]) -> Iterator[Rule]:
    return (rule for content in files.values() for group in content["groups"] for rule in group["rules"])


def _name(rule: Rule) -> str:
    return str(rule.get("alert") or rule["record"])
