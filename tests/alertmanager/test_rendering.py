"""Rendering: numbers and links are filled in; a mistake is named before anything is written."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from stack.alerting import AlertingError, Links
from stack.alerting.channels import Channels, render
from stack.alerting.rules import write_tested
from stack.alerting.sources import ALERTING
from stack.alerting.thresholds import Thresholds

SOUND = "disk: {value: 0.85, unit: ratio, reason: because}\n"


def _load(tmp_path: Path, text: str, overlay: str = "") -> Thresholds:
    source = tmp_path / "thresholds.yml"
    source.write_text(text)
    (tmp_path / "production.yml").write_text(overlay)
    return Thresholds.load("production", source=source, overlays=tmp_path)


@pytest.mark.parametrize(
    ("value", "unit", "number", "text"),
    [
        (0.85, "ratio", "0.85", "85 %"),
        (0.0005, "ratio", "0.0005", "0.05 %"),
        (0.5, "seconds", "0.5", "500 ms"),
        (90, "seconds", "90", "90 s"),
        (2147483648, "bytes", "2147483648", "2 GiB"),
        (24, "hours", "24", "24 hours"),
        (3, "per_second", "3", "3/s"),
        (10000000, "count", "10000000", "10000000"),
        ("1h30m", "duration", "1h30m", "1h30m"),
    ],
)
def test_a_threshold_is_a_number_for_programs_and_a_text_for_people(
    tmp_path: Path, value: object, unit: str, number: str, text: str
) -> None:
    found = _load(tmp_path, f"x: {{value: {value}, unit: {unit}, reason: r}}")
    assert (
        found.fill("${x} ${x:text} {{ $labels.x }} $${x", "a.yml")
        == f"{number} {text} {{{{ $labels.x }}}} $${{x"
    )


def test_an_environment_changes_single_values_only(tmp_path: Path) -> None:
    found = _load(tmp_path, SOUND, "thresholds: {disk: 0.9}")
    assert (found["disk"].value, found["disk"].unit, found["disk"].reason) == (0.9, "ratio", "because")


@pytest.mark.parametrize(
    ("text", "overlay", "sentence"),
    [
        ("disk: {value: 0.85, reason: r}", "", "thresholds.yml: disk: lacks unit"),
        ("disk: {value: 0.85, unit: ratio}", "", "thresholds.yml: disk: lacks reason"),
        ("disk: {value: 0.85, unit: parts, reason: r}", "", "unit 'parts' is unknown: use one of ratio, "),
        ("disk: {value: 85, unit: ratio, reason: r}", "", "85 is not a value of ratio: it is from 0 to 1"),
        ("disk: {value: high, unit: ratio, reason: r}", "", "'high' is no number"),
        ("disk: {value: true, unit: count, reason: r}", "", "True is no number"),
        ("wait: {value: 15, unit: duration, reason: r}", "", "15 is no duration: write it as 30s"),
        ("wait: {value: 0s, unit: duration, reason: r}", "", "'0s' is no duration"),
        ("disk: 0.85", "", "disk: needs value, unit and reason"),
        ("Disk: {value: 0.85, unit: ratio, reason: r}", "", "a name is lower-case letters"),
        ("[disk", "", "thresholds.yml is not valid YAML"),
        ("- disk", "", "thresholds.yml must be a mapping"),
        (
            SOUND,
            "thresholds: {disc: 0.9}",
            "production.yml: thresholds.disc: is no threshold. Do you mean disk?",
        ),
        (SOUND, "thresholds: {disk: 9}", "production.yml: thresholds.disk: 9 is not a value of ratio"),
        (SOUND + SOUND, "", "thresholds.yml is not valid YAML: disk is there twice; remove one of them"),
        (
            SOUND,
            "treshholds: {disk: 0.9}",
            "production.yml: treshholds: is unknown: an overlay has `thresholds`",
        ),
        (SOUND, "thresholds: {disk: .nan}", "production.yml: thresholds.disk: nan is not a value of ratio"),
        (
            SOUND,
            "thresholds: {disk: 0.8, disk: 0.9}",
            "production.yml is not valid YAML: disk is there twice",
        ),
        (SOUND, "thresholds: 3", "production.yml: thresholds must be a mapping"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_its_fix(
    tmp_path: Path, text: str, overlay: str, sentence: str
) -> None:
    with pytest.raises(AlertingError) as caught:
        _load(tmp_path, text, overlay)
    assert sentence in str(caught.value)


def test_a_placeholder_without_a_threshold_is_named(tmp_path: Path) -> None:
    with pytest.raises(AlertingError, match=r"host\.yml: \$\{disc\} is in no threshold\. Do you mean disk\?"):
        _load(tmp_path, SOUND).fill("> ${disc}", "host.yml")


def test_what_was_in_force_stays_if_a_source_is_wrong(tmp_path: Path) -> None:
    sources, written = tmp_path / "alertmanager", tmp_path / "written"
    shutil.copytree(ALERTING, sources)
    write_tested(written, "", Links(), source=sources)
    before = {path: path.read_text() for path in written.rglob("*.yml")}
    assert before
    rule = next((sources / "rules").glob("*.yml"))
    rule.write_text(rule.read_text() + "\n# ${nowhere}\n")
    with pytest.raises(AlertingError, match="nowhere"):
        write_tested(written, "", Links(), source=sources)
    assert {path: path.read_text() for path in written.rglob("*.yml")} == before


@pytest.mark.parametrize("file", ["rules/api.yml", "tests/api.yml"])
def test_a_name_that_is_there_twice_is_refused(tmp_path: Path, file: str) -> None:
    sources = tmp_path / "alertmanager"
    shutil.copytree(ALERTING, sources)
    text = (sources / file).read_text()
    (sources / file).write_text(re.sub(r"\n +(for|interval): \w+(?=\n)", r"\g<0>\g<0>", text, count=1))
    with pytest.raises(AlertingError, match=r"^api\.yml is not valid YAML: (for|interval) is there twice"):
        write_tested(tmp_path / "written", "", Links(), source=sources)


def test_a_receiver_that_has_a_channel_twice_is_refused(tmp_path: Path) -> None:
    source = "receivers: [{name: a, slack_configs: [], slack_configs: []}]"
    with pytest.raises(AlertingError, match=r"^alertmanager\.yml is not valid YAML: slack_configs is there"):
        render(source, Channels(), tmp_path, Thresholds())


def test_every_alert_gets_its_links() -> None:
    links = Links("http://books", "http://boards", "http://logs/{service}", "http://traces/{service}")
    found = links.annotations("LmsDown", "lms-overview?var-x=1", "redis")
    assert found == {
        "runbook_url": "http://books/LmsDown.md",
        "dashboard_url": "http://boards/d/lms-overview?from=now-1h&to=now&var-x=1",
        "logs_url": "http://logs/lms",  # Redis records none: the platform's say what it met
        "traces_url": "http://traces/lms",
    }
    found = links.annotations("ApiSlow", "lms-api?var-route={{ $labels.http_route }}", "{{ $labels.job }}")
    assert found["dashboard_url"].endswith("&var-route={{ $labels.http_route | urlQueryEscape }}")
    assert found["logs_url"] == "http://logs/{{ $labels.job | urlQueryEscape }}"
    assert "logs_url" not in Links(logs="").annotations("LmsDown", "lms-overview", "lms")
