"""The bundle as files: whose name is in it, what is left out, what it refuses to overwrite."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from stack.alerting.links import Links
from stack.bundle.__main__ import files, main
from stack.bundle.wording import Wording
from stack.native.tools import tool_path
from stack.settings import REPOSITORY

SERVICE = "shop"
# A placeholder of ours, not Grafana's ($__range, ${metrics}) and not of Prometheus' templates ($labels).
PLACEHOLDER = re.compile(r"\$\{[a-z_]+(?::text)?\}")


@pytest.fixture(name="bundle", scope="module")
def _bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "out"
    assert main(["--service", SERVICE, "--out", str(folder)]) == 0
    return folder


def test_rules_are_those_that_promtool_accepts_and_have_no_placeholder(bundle: Path) -> None:
    rules = sorted((bundle / "prometheus" / "rules").glob("*.yml"))
    command = [str(tool_path("promtool")), "check", "rules", "--lint=all", "--lint-fatal", *map(str, rules)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [path.name for path in rules if PLACEHOLDER.search(path.read_text())] == []


def test_prometheus_accepts_its_configuration(bundle: Path) -> None:
    path = bundle / "prometheus" / "prometheus.yml"
    # The password of the log store is a file of the installation; nothing else may be missing.
    command = [str(tool_path("promtool")), "check", "config", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alertmanager_accepts_its_configuration_and_reads_secrets_from_files(bundle: Path) -> None:
    path = bundle / "alertmanager" / "alertmanager.yml"
    command = [str(tool_path("amtool")), "check-config", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    text = path.read_text()
    assert "api_url_file: /etc/alertmanager/secrets/slack_webhook_url" in text
    assert "url_file: /etc/alertmanager/secrets/watchdog_url" in text
    assert "example.org" not in text


def test_rules_ask_for_the_service_and_for_nothing_of_the_platform(bundle: Path) -> None:
    for path in (bundle / "prometheus" / "rules").glob("*.yml"):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                assert not re.search(r'\blms[_:]|"lms"|telemetry_canary', rule["expr"]), rule
                assert "lms" not in str(rule.get("labels")), rule
                assert not re.search(r"[Ll]earner|\bLms[A-Z]", str(rule)), rule
    down = (bundle / "prometheus" / "rules" / "api.yml").read_text()
    assert 'up{job="shop"}' in down
    assert "alert: ServiceDown" in down


def test_each_alert_has_its_runbook_and_its_dashboard(bundle: Path) -> None:
    boards = {json.loads(path.read_text())["uid"] for path in (bundle / "grafana").rglob("*.json")}
    assert {"shop-overview", "shop-api", "collector"} <= boards
    seen = 0
    for path in (bundle / "prometheus" / "rules").glob("*.yml"):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in (each for each in group["rules"] if "alert" in each):
                notes = rule["annotations"]
                assert (bundle / "runbooks" / notes["runbook_url"].rpartition("/")[2]).is_file(), rule
                assert notes["dashboard_url"].split("/d/")[1].split("?")[0] in boards, rule
                seen += 1
    assert seen > 40


def test_routes_and_inhibitions_name_alerts_that_exist(bundle: Path) -> None:
    text = (bundle / "alertmanager" / "alertmanager.yml").read_text()
    assert 'alertname="ServiceDown"' in text
    assert 'service_name="shop"' in text
    assert "LmsDown" not in text


def test_links_between_boards_lead_to_boards_of_the_bundle(bundle: Path) -> None:
    texts = [path.read_text() for path in (bundle / "grafana" / "dashboards").rglob("*.json")]
    boards = {json.loads(text)["uid"] for text in texts}
    led = {uid for text in texts for uid in re.findall(r'"/d/([a-z-]+)', text)}
    assert led
    assert led <= boards


def test_panels_do_not_overlap(bundle: Path) -> None:
    for path in (bundle / "grafana" / "dashboards").rglob("*.json"):
        taken: set[tuple[int, int]] = set()
        for panel in json.loads(path.read_text())["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not cells & taken, (path.name, panel["title"])
            taken |= cells


def test_the_readme_names_every_part_and_what_is_left_out(bundle: Path) -> None:
    text = (bundle / "README.md").read_text()
    tops = {path.relative_to(bundle).parts[0] for path in bundle.rglob("*") if path.is_file()}
    assert [name for name in tops if f"`{name}" not in text and name != "README.md"] == []
    assert text.startswith("# Observability of shop\n")
    assert "Learning and business (the whole board)" in text
    assert "`RateLimitStorm`" in text


def test_the_platforms_own_bundle_leaves_nothing_out() -> None:
    found = files("lms", "", Links(), Path("/etc/alertmanager"))
    assert "those of that project's own stack" in found["README.md"]
    assert "`make status`" in found["runbooks/LmsDown.md"]
    boards = {path for path in found if path.startswith("grafana/dashboards/")}
    own = (REPOSITORY / "grafana" / "dashboards").rglob("*.json")
    assert len(boards) == len(list(own))
    assert "Nothing is left out" in found["README.md"]
    assert "LmsDown" in found["prometheus/rules/api.yml"]


def test_a_bundle_replaces_an_older_one_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert main(["--service", SERVICE, "--out", str(folder)]) == 0
    (folder / "notes.txt").write_text("ours")
    assert main(["--service", "items", "--out", str(folder)]) == 0
    assert (folder / "keda" / "items.yaml").is_file()
    assert not (folder / "keda" / "shop.yaml").exists()
    assert (folder / "notes.txt").read_text() == "ours"


@pytest.mark.parametrize(
    ("service", "prepared", "sentence"),
    [
        ("My Shop", "", "SERVICE is 'My Shop': give the service's `service.name`"),
        ("", "", "SERVICE is '': give"),
        ("prometheus", "", "SERVICE is 'prometheus', which is a job of the bundle's own"),
        (SERVICE, "folder", "which is not empty and no bundle"),
        (SERVICE, "file", "which is a file: name a folder"),
        (SERVICE, "mark", "which is not empty and no bundle"),
    ],
)
def test_a_mistake_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], service: str, prepared: str, sentence: str
) -> None:
    out = tmp_path / "out"
    if prepared == "file":
        out.write_text("precious")
    elif prepared:
        out.mkdir()
        (out / ("bundle.json" if prepared == "mark" else "precious")).write_text("precious")
    assert main(["--service", service, "--out", str(out)]) == 1
    printed = capsys.readouterr().err
    assert sentence in printed
    assert printed.count("\n") == 1
    if prepared:
        assert [path.read_text() for path in (out.iterdir() if out.is_dir() else [out])] == ["precious"]


def test_a_list_of_files_that_leads_out_of_the_folder_removes_nothing(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    out = tmp_path / "out"
    out.mkdir()
    (out / "bundle.json").write_text(json.dumps({"files": ["../precious"]}))
    assert main(["--service", SERVICE, "--out", str(out)]) == 0
    assert precious.read_text() == "precious"


def test_names_are_changed_in_matchers_and_not_within_other_words() -> None:
    shop = Wording(SERVICE)
    query = 'up{job!~"lms|collector"} and on () x{service_name="lms", exporter="otelcol-lms"} or LmsDown'
    assert shop.query(query) == (
        'up{job!~"shop|collector"} and on () x{service_name="shop", exporter="otelcol-lms"} or ServiceDown'
    )
    assert shop.prose("The platform is slow for learners: /d/lms-api, films-app") == (
        "shop is slow for users: /d/shop-api, films-app"
    )
