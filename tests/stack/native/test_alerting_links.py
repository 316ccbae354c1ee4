"""Where the addresses in alerts lead natively: to this machine, or to where people are told to open each."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

from stack.alerting.rules import rules
from stack.alerting_links import links
from stack.native.native_stack import NativeStack
from stack.settings import SettingsError

OUTSIDE = {
    "STACK_RUNBOOKS_URL": "https://runbooks.lms.example",
    "LMS_GRAFANA_URL": "https://grafana.lms.example",
    "STACK_VICTORIALOGS_WEB_URL": "https://logs.lms.example/",
    "LMS_JAEGER_WEB_URL": "https://traces.lms.example",
}


def _links(folder: Path, settings: dict[str, str]) -> set[str]:
    """Returns every address in the alerts that Prometheus sends."""
    environment = NativeStack.scratch(folder, settings).environment
    files = rules(environment.app.environment, links(environment)).values()
    found = (
        rule["annotations"]
        for text in files
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"]
        if "alert" in rule
    )
    return {each for notes in found for name, each in notes.items() if name.endswith("_url")}


def test_without_settings_every_link_leads_to_this_machine(tmp_path: Path) -> None:
    assert {each.split(":")[1] for each in _links(tmp_path, {})} == {"//127.0.0.1"}


def test_every_link_of_an_alert_can_be_opened_from_a_phone(tmp_path: Path) -> None:
    found = _links(tmp_path, OUTSIDE)
    assert {each.split("/")[2] for each in found} == {
        "runbooks.lms.example",
        "grafana.lms.example",
        "logs.lms.example",
        "traces.lms.example",
    }
    (logs,) = [each for each in found if "//logs." in each and "{{" not in each and "canary" not in each]
    assert unquote(logs) == (
        'https://logs.lms.example/select/vmui/#/?g0.range_input=1h&g0.relative_time=last_1_hour&query="service.name":"lms"'
    )


def test_an_address_with_a_query_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="STACK_VICTORIALOGS_WEB_URL is not valid: must be an address"):
        NativeStack.scratch(tmp_path, {"STACK_VICTORIALOGS_WEB_URL": "https://logs.example/?query=x"})
