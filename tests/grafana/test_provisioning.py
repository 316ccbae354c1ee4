"""What Grafana is given besides the boards: data sources, folders, and how it is closed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from grafana.boards.firing import ACKNOWLEDGE, SILENCES
from grafana.panels import Link
from grafana.queries import KINDS
from stack.environment import check
from stack.native.plan import Plan
from stack.settings import REPOSITORY
from stack.variables import generate, required
from tests.grafana.provisioned import BOARDS, SOURCES, VARIANTS, data_sources, texts

SET: Final = {
    "LOKI_URL": "http://loki:3100",
    "JAEGER_URL": "http://jaeger:16686",
    "VICTORIALOGS_URL": "http://victorialogs:9428",
    "STORES_USER": "lms",
    "STORES_PASSWORD": "store-password",
    "VICTORIALOGS_USER": "lms",
    "VICTORIALOGS_PASSWORD": "logs-password",
    "ERRORS_BEFORE_TRACE": "https://errors.example/?q=trace:",
    "ERRORS_AFTER_TRACE": "&all",
}
SECRETS: Final = {"basicAuthPassword"}
COMPOSE: Final = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
GRAFANA: Final = COMPOSE["services"]["grafana"]


@pytest.fixture(
    name="sources", params=[SOURCES, *sorted(VARIANTS.glob("*.yaml"))], ids=lambda path: path.stem
)
def _sources(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Ours with those of one file in place of the sources with the same uid."""
    return data_sources(SOURCES, SET) | data_sources(request.param, SET)


def test_every_link_leads_to_a_source_that_exists(sources: dict[str, Any]) -> None:
    named = {
        value for key, value in texts(list(sources.values())) if key in {"datasourceUid", "alertmanagerUid"}
    }
    assert named
    assert named <= sources.keys()


def test_a_variant_replaces_a_source_of_ours(sources: dict[str, Any]) -> None:
    assert sources.keys() == {"prometheus", "tempo", "loki", "alertmanager"}


def test_every_way_from_one_signal_to_the_next_is_there(sources: dict[str, Any]) -> None:
    details = {uid: source["jsonData"] for uid, source in sources.items()}
    exemplars = details["prometheus"]["exemplarTraceIdDestinations"]
    assert [each.get("datasourceUid") for each in exemplars] == ["tempo", None]
    assert details["tempo"]["tracesToLogsV2"]["datasourceUid"] == "loki"
    assert details["tempo"]["tracesToMetrics"]["datasourceUid"] == "prometheus"
    fields = {each["name"]: each for each in details["loki"]["derivedFields"]}
    assert fields["trace_id"]["datasourceUid"] == "tempo"
    errors = "https://errors.example/?q=trace:${__value.raw}&all"
    assert [exemplars[1]["url"], fields["error_report"]["url"]] == [errors, errors]


def test_a_trace_leads_to_its_error_report() -> None:
    [found] = data_sources(SOURCES, SET)["tempo"]["correlations"]
    assert found["type"] == "external"
    [change] = found["config"]["transformations"]
    assert (
        found["config"]["target"]["url"] == f"https://errors.example/?q=trace:${{{change['mapValue']}}}&all"
    )
    assert re.fullmatch(change["expression"], "4bf92f3577b34da6a3ce929d0e0e4736")


def test_the_boards_find_a_source_of_each_kind() -> None:
    assert {each["type"] for each in data_sources(SOURCES, SET).values()} >= set(KINDS.values())


@pytest.mark.parametrize("link", [ACKNOWLEDGE, SILENCES], ids=lambda link: link.title)
def test_links_to_silences_lead_to_an_alertmanager_that_takes_them(link: Link) -> None:
    sources = data_sources(SOURCES, SET).values()
    [alertmanager] = [each for each in sources if each["type"] == "alertmanager"]
    assert parse_qs(urlsplit(link.url).query)["alertmanager"] == [alertmanager["name"]]
    # Without it Grafana talks to a Cortex or Mimir, whose paths are others.
    assert alertmanager["jsonData"]["implementation"] == "prometheus"
    assert not alertmanager["jsonData"]["handleGrafanaManagedAlerts"]


def test_no_file_has_a_password(sources: dict[str, Any]) -> None:
    kept = [(key, value) for key, value in texts(list(sources.values())) if "password" in key.lower()]
    assert all(key in SECRETS and value in SET.values() for key, value in kept)


def test_a_rate_spans_two_samples_of_whatever_comes_more_slowly() -> None:
    scraped = yaml.safe_load((REPOSITORY / "stack" / "prometheus" / "prometheus.yml").read_text())
    exported = Plan(check({each.key: generate(each.key) for each in required()}), {}).app_environment()
    interval = data_sources(SOURCES, SET)["prometheus"]["jsonData"]["timeInterval"]
    assert seconds(interval) >= max(
        seconds(scraped["global"]["scrape_interval"]), int(exported["OTEL_METRIC_EXPORT_INTERVAL"]) / 1000
    )


def seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def test_every_board_is_in_one_folder_and_every_folder_is_mounted() -> None:
    providers = yaml.safe_load(BOARDS.read_text())["providers"]
    folders = [Path(each["options"]["path"]) for each in providers]
    mounts = [each for each in GRAFANA["volumes"] if isinstance(each, dict)]
    [mount] = [each for each in mounts if each["target"] == "/etc/grafana/dashboards"]
    assert mount["read_only"]
    assert mount["source"].endswith("/compose/grafana/dashboards")  # tests/stack/test_board_thresholds.py
    ours = REPOSITORY / "grafana" / "dashboards"
    assert {folder.parent for folder in folders} == {Path("/etc/grafana/dashboards")}
    assert {folder.name for folder in folders} == {folder.name for folder in ours.iterdir()}
    assert len({each["folderUid"] for each in providers}) == len(providers)
    assert not any(each["allowUiUpdates"] for each in providers)


def test_people_start_at_the_overview() -> None:
    path = Path(GRAFANA["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    ours = REPOSITORY / "grafana" / "dashboards" / path.relative_to("/etc/grafana/dashboards")
    assert json.loads(ours.read_text())["uid"] == "lms-overview"


def test_grafana_is_closed_and_tells_nobody() -> None:
    settings = GRAFANA["environment"]
    off = (
        *("GF_AUTH_ANONYMOUS_ENABLED", "GF_USERS_ALLOW_SIGN_UP", "GF_PUBLIC_DASHBOARDS_ENABLED"),
        *("GF_SNAPSHOTS_ENABLED", "GF_SNAPSHOTS_EXTERNAL_ENABLED", "GF_METRICS_ENABLED"),
        *("GF_ANALYTICS_REPORTING_ENABLED", "GF_NEWS_NEWS_FEED_ENABLED"),
        *("GF_ANALYTICS_CHECK_FOR_UPDATES", "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES"),
    )
    assert {settings[name] for name in off} == {"false"}
    assert settings["GF_SECURITY_DISABLE_GRAVATAR"] == "true"
    assert settings["GF_USERS_AUTO_ASSIGN_ORG_ROLE"] == "Viewer"
    assert settings["GF_SECURITY_ADMIN_PASSWORD__FILE"].startswith("/run/secrets/")
    assert not [
        name for name in settings if name.startswith("GF_SECURITY_ADMIN_PASSWORD") and "FILE" not in name
    ]
