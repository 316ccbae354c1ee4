"""What the programs around the rules and dashboards read: Prometheus, Alertmanager, Grafana, KEDA."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import SecretStr

from stack.alerting import channels
from stack.alerting.sources import ALERTING, ROUTES
from stack.alerting.thresholds import Thresholds
from stack.bundle.wording import PLATFORM, PORTS, Wording
from stack.channel_settings import ChannelSettings
from stack.settings import REPOSITORY

# Whose scrape needs what only the platform has, or is the platform's.
_OURS: Final = ("canary",)
_HEAD: Final = "# Written by `make bundle` from {source}, which has the reasons.\n"
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
    found = {"prometheus/prometheus.yml": _yaml(content, source)}
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


def alertmanager(wording: Wording, environment: str, folder: Path) -> dict[str, str]:
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
    content = wording.everywhere(yaml.safe_load(text), wording.query)
    found = {"alertmanager/alertmanager.yml": _yaml(content, "alertmanager/alertmanager.yml")}
    for name, template in channels.templates(settings.time_zone).items():
        found[f"alertmanager/templates/{name}"] = template
    return found


def runbooks(wording: Wording, alerts: tuple[str, ...]) -> dict[str, str]:
    """Returns the runbook of each alert, by path."""
    found = {}
    for path in sorted((ALERTING / "runbooks").glob("*.md")):
        name = wording.name(path.stem)
        if name in alerts:
            found[f"runbooks/{name}.md"] = wording.prose(wording.query(path.read_text(encoding="utf-8")))
    return found


def provisioning(wording: Wording) -> dict[str, str]:
    """Returns what Grafana provisions: data sources, and where the dashboards are; by path."""
    found = {}
    folder = REPOSITORY / "grafana" / "provisioning"
    for path in sorted(folder.rglob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        place = path.relative_to(folder)
        if not wording.own:
            text = text.replace("Learning platform", wording.service).replace("lms-", f"{wording.service}-")
        found[f"grafana/provisioning/{place}"] = text
    return found


def keda(wording: Wording) -> dict[str, str]:
    """Returns the triggers that scale the service and the Collector's gateways, by path."""
    own = (REPOSITORY / "stack" / "kubernetes" / "platform-keda.yaml").read_text(encoding="utf-8")
    gateway = REPOSITORY / "collector-config" / "kubernetes" / "scale-keda" / "scaledobject.yaml"
    named = wording.prose(wording.query(own)).replace(f"name: {PLATFORM}", f"name: {wording.service}")
    found = {
        f"keda/{wording.service}.yaml": named,
        "keda/collector-gateway.yaml": gateway.read_text(encoding="utf-8"),
    }
    return {path: text.replace("alertmanager/rules/", "prometheus/rules/") for path, text in found.items()}


def _yaml(content: Any, source: str) -> str:  # noqa: ANN401 - YAML is of any type
    dumped = yaml.safe_dump(content, sort_keys=False, width=1000, allow_unicode=True)
    return _HEAD.format(source=source) + dumped
