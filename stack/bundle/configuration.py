"""What the programs around the rules and dashboards read: Prometheus, Alertmanager, Grafana, KEDA."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import SecretStr

from stack.alerting import channels
from stack.alerting import runbooks as sources
from stack.alerting.sources import ROUTES
from stack.alerting.thresholds import Thresholds
from stack.bundle.portable import Portable
from stack.bundle.rules import Rules, dumped
from stack.bundle.wording import PLATFORM, PORTS, Wording
from stack.channel_settings import ChannelSettings
from stack.settings import REPOSITORY

# Whose scrape needs what only the platform has, or is the platform's.
_OURS: Final = ("canary",)
_SIDES: Final = ("source_matchers", "target_matchers")
_ALERTS: Final = re.compile(r'((?:alertname|cause)=~?)"([A-Za-z|]+)"')
_THRESHOLD: Final = re.compile(r'threshold: "[^"]*"')
# Their values are files of the installation: the bundle has no secret.
SECRETS: Final = (
    "slack_webhook_url",
    "second_line_slack_webhook_url",
    "management_slack_webhook_url",
    "watchdog_url",
)


def prometheus(wording: Wording) -> dict[str, str]:
    """Returns Prometheus' configuration and its lists of targets, by path."""
    source = "stack/prometheus/prometheus.yml"
    content = yaml.safe_load((REPOSITORY / source).read_text(encoding="utf-8"))
    jobs = [
        _job(job, wording) for job in content["scrape_configs"] if wording.own or job["job_name"] not in _OURS
    ]
    content["scrape_configs"] = jobs
    found = {"prometheus/prometheus.yml": dumped(content)}
    for job in jobs:
        name = job["job_name"]
        # The stores are lists that may stay empty: which ones there are is the installation's.
        needed = name in {wording.service, "collector", "prometheus", "alertmanager"}
        targets = [f"{name}:{PORTS.get(name, 8000)}"] if needed else []
        found[f"prometheus/targets/{name}.json"] = json.dumps([{"targets": targets}]) + "\n"
    return found


def _job(job: dict[str, Any], wording: Wording) -> dict[str, Any]:
    if wording.own or job["job_name"] != PLATFORM:
        return {key: value for key, value in job.items() if key != "basic_auth"}
    # Only `up` is kept of it, so any page that answers in Prometheus' format will do, also an empty one.
    kept = {key: value for key, value in job.items() if key != "authorization"}
    files = [{"files": [f"targets/{wording.service}.json"]}]
    return {**kept, "job_name": wording.service, "metrics_path": "/metrics", "file_sd_configs": files}


def alertmanager(wording: Wording, rules: Rules, environment: str, folder: Path) -> dict[str, str]:
    """Returns Alertmanager's configuration and templates, by path; ``folder``: where it will find them.

    Raises:
        AlertingError: a source is wrong; the message names it.
    """
    # Only whether they are set matters: the configuration names the files, not what is in them.
    given = SecretStr("https://example.org")
    settings = ChannelSettings(
        slack_webhook_url=given,
        second_line_slack_webhook_url=given,
        management_slack_webhook_url=given,
        watchdog_url=given,
    )
    text = channels.render(ROUTES.read_text(encoding="utf-8"), settings, folder, Thresholds.load(environment))
    content = wording.everywhere(yaml.safe_load(text), lambda found: wording.template(wording.query(found)))
    if not wording.own:
        content["inhibit_rules"] = list(_inhibiting(content["inhibit_rules"], rules.absent))
    found = {"alertmanager/alertmanager.yml": dumped(content)}
    for name, template in channels.templates(settings.time_zone).items():
        found[f"alertmanager/templates/{name}"] = wording.template(template)
    return found


def _inhibiting(found: Iterable[dict[str, Any]], absent: Collection[str]) -> Iterator[dict[str, Any]]:
    """Yields the inhibitions without alerts that are absent, and none that is about such alerts only."""
    for rule in found:
        sides = {side: [_present(each, absent) for each in rule[side]] for side in _SIDES}
        if all(each for side in sides.values() for each in side):
            yield {**rule, **sides}


def _present(matcher: str, absent: Collection[str]) -> str:
    """Returns a matcher without names of absent alerts; empty if it has no others."""
    found = _ALERTS.fullmatch(matcher)
    if not found:
        return matcher
    kept = "|".join(name for name in found[2].split("|") if name not in absent)
    return f'{found[1]}"{kept}"' if kept else ""


def runbooks(wording: Wording, rules: Rules, environment: str) -> dict[str, str]:
    """Returns the runbook of each alert, with the numbers of its rule, by path.

    Raises:
        AlertingError: a rule or threshold is wrong.
    """
    portable = Portable(rules.absent)
    found = {}
    for source in sources.names():
        name, text = wording.name(source), sources.render(source, environment)
        if name in rules.alerts:
            # What the project alone has is told by our names; what it asks has the service's.
            kept = text if wording.own else portable.text(wording.name(text))
            found[f"runbooks/{name}.md"] = wording.prose(wording.query(kept))
    return found


def provisioning(wording: Wording) -> dict[str, str]:
    """Returns what Grafana provisions, by path: data sources, also for other stores, and where boards are."""
    found = {}
    portable = Portable()
    for part in ("provisioning", "variants"):
        for path in sorted((REPOSITORY / "grafana" / part).rglob("*.*")):
            text = path.read_text(encoding="utf-8")
            if not wording.own:
                page = path.suffix == ".md"
                text = portable.text(text) if page else portable.comments(text, wording.prose)
                text = wording.prose(text.replace("Learning platform", wording.service))
            found[str(path.relative_to(REPOSITORY))] = text
    return found


def keda(wording: Wording, rules: Rules, environment: str) -> dict[str, str]:
    """Returns the triggers that scale the service and the Collector's gateways, by path.

    Raises:
        AlertingError: a threshold or the environment's overlay is wrong.
    """
    own = (REPOSITORY / "stack" / "kubernetes" / "platform-keda.yaml").read_text(encoding="utf-8")
    gateway = REPOSITORY / "collector-config" / "kubernetes" / "scale-keda" / "scaledobject.yaml"
    scale = Thresholds.load(environment)["scale_pressure"].number
    found = {
        f"keda/{wording.service}.yaml": _THRESHOLD.sub(f'threshold: "{scale}"', own),
        "keda/collector-gateway.yaml": gateway.read_text(encoding="utf-8"),
    }
    if wording.own:
        return found
    placed = {path: text.replace("alertmanager/rules/", "prometheus/rules/") for path, text in found.items()}
    portable = Portable(rules.absent)
    return {
        path: wording.prose(wording.query(portable.comments(text, wording.prose)))
        for path, text in placed.items()
    }
