"""Service level objectives: a mistake is one sentence, and changes nothing that is in force."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from stack.alerting import AlertingError, Links, slos
from stack.alerting.rules import GENERATED, write_rules
from stack.alerting.slos import Slo
from stack.settings import StackSettings
from tests.alertmanager.rendered import alerts

LOGIN: dict[str, Any] = {
    "name": "login",
    "problem": "Signing in fails",
    "owner": "platform",
    "service": "lms",
    "target": 99.9,
    "window": "30d",
    "urgency": "page",
    "reason": "because",
    "impact": "Nobody signs in.",
    "availability": {"routes": ["POST /api/v1/auth/login"]},
}
CHECKS = {"metric": "lms_submission_checks_total"}


def _load(tmp_path: Path, *entries: object) -> tuple[Slo, ...]:
    path = tmp_path / "slos.yml"
    path.write_text(yaml.safe_dump({"slos": list(entries)}))
    return slos.load(path)


def _latency(**fields: object) -> dict[str, object]:
    return {"availability": None, "latency": {"routes": ["POST /api/v1/auth/login"], **fields}}


def _counters(**counted: object) -> dict[str, object]:
    return {"availability": None, "counters": {"events": [CHECKS], "failures": [{**CHECKS, **counted}]}}


def test_a_good_objective_is_read(tmp_path: Path) -> None:
    [plain, percent] = _load(tmp_path, LOGIN, {**LOGIN, "name": "other", "target": "99.95 %"})
    assert (plain.objective, percent.objective) == (0.999, 0.9995)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        pytest.param({"target": 100}, "target is 100 %, which leaves no error budget; choose", id="100"),
        pytest.param({"target": "100 %"}, "target is 100 %, which leaves no error budget", id="as text"),
        pytest.param({"target": 120}, "target is 120 %, which leaves no error budget", id="120"),
        pytest.param({"target": 0}, "target is 0 %; a target is a percentage of at least 50", id="0"),
        pytest.param({"target": 0.999}, "target is 0.999 %; a target is a percentage", id="a ratio"),
        pytest.param({"target": float("nan")}, "target is nan %", id="nan"),
        pytest.param({"target": "high"}, "target is 'high'; write a percentage such as 99.9", id="no number"),
        pytest.param({"target": True}, "target is True; write a percentage", id="yes"),
        pytest.param({"window": "31d"}, "window is '31d'; use one of 28d, 30d", id="window"),
        pytest.param({"owner": "nobody"}, "owner is 'nobody'; use one of platform, learning,", id="owner"),
        pytest.param({"urgency": "loud"}, "urgency is 'loud'; input should be 'page' or", id="urgency"),
        pytest.param({"reason": ""}, "reason is ''; string should have at least 1", id="reason"),
        pytest.param({"Name": "x"}, "Name is not a field; remove it", id="unknown field"),
        pytest.param({"name": "Log in"}, "name is 'Log in'; string should match", id="name"),
        pytest.param(
            {"availability": None}, "has 0 indicators; give it one of availability,", id="no indicator"
        ),
        pytest.param(
            {"availability": {"routes": ["POST /api/v1/auth/logn"]}},
            "availability.routes names 'POST /api/v1/auth/logn', which is no route; "
            "did you mean 'POST /api/v1/auth/login'?",
            id="route",
        ),
        pytest.param(
            {"availability": {"routes": "/api/v2/"}},
            "availability.routes names '/api/v2/', with which no route begins; correct it",
            id="prefix",
        ),
        pytest.param(
            {"availability": {"routes": "/api/v1/", "except": ["/api/v1/dmeo/"]}},
            "availability.except names '/api/v1/dmeo/', with which no route begins",
            id="exception",
        ),
        pytest.param(
            {"availability": {"routes": ["GET /api/v1/courses", "POST /api/v1/users"]}},
            "availability.routes would count 'POST /api/v1/courses' as well; name it, or",
            id="product",
        ),
        pytest.param(
            _latency(below=0.4),
            "latency.below is 0.4 s, which is no bucket of http_server_request_duration_seconds; use one of "
            "0.005, 0.01,",
            id="bucket",
        ),
        pytest.param(_latency(), "latency.below is missing; add it", id="no bound"),
        pytest.param(
            _counters(metric="lms_submission_check_total"),
            "counters.failures.0.metric names 'lms_submission_check_total', which is no counter that is "
            "measured; did you mean 'lms_submission_checks_total'?",
            id="metric",
        ),
        pytest.param(
            _counters(metric="lms_users_active"),
            "counters.failures.0.metric names 'lms_users_active', which is no counter",
            id="a gauge",
        ),
        pytest.param(
            _counters(labels={"outcome": "mising"}),
            "counters.failures.0.labels has outcome='mising'; use one of stored, missing",
            id="value",
        ),
        pytest.param(
            _counters(labels={"user": "x"}),
            "counters.failures.0.labels names 'user', which lms_submission_checks_total does not have",
            id="label",
        ),
        pytest.param(
            _counters(metric="telemetry_canary_delay_seconds", slower_than=45),
            "counters.failures.0.slower_than is 45 s, which is no bucket of telemetry_canary_delay_seconds;",
            id="bucket of a counter",
        ),
    ],
)
def test_a_mistake_is_named_with_file_objective_field_and_fix(
    tmp_path: Path, changes: dict[str, object], sentence: str
) -> None:
    entry = {key: value for key, value in {**LOGIN, **changes}.items() if value is not None}
    with pytest.raises(AlertingError) as caught:
        _load(tmp_path, entry)
    text = str(caught.value)
    assert text.startswith(f"slos.yml: {entry['name']}: {sentence}")
    assert text.endswith(".") and "\n" not in text  # noqa: PT018 - one sentence


def test_a_name_is_given_once(tmp_path: Path) -> None:
    with pytest.raises(
        AlertingError, match=r"slos\.yml: login: name is there twice; rename one of the two\."
    ):
        _load(tmp_path, LOGIN, LOGIN)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        *((text, ": slos is missing") for text in ("", "slos:", "slo: []", "slos: []", "slos: 3\nmore: 1")),
        ("slos: {", " is not valid YAML: "),
        ("- 1", " must be a mapping of names"),
        ("slos: []\nslos: []", " is not valid YAML: slos is there twice; remove one of them"),
        ("slos: [{name: a, target: 99.9, target: 99}]", " is not valid YAML: target is there twice"),
    ],
)
def test_a_file_that_has_no_list_of_objectives_is_refused(
    tmp_path: Path, content: str, sentence: str
) -> None:
    path = tmp_path / "slos.yml"
    path.write_text(content)
    with pytest.raises(AlertingError, match=rf"^slos\.yml{sentence}"):
        slos.load(path)


def test_an_objective_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AlertingError, match=r"slos\.yml: objective 2: "):
        _load(tmp_path, LOGIN, "login")


def test_what_was_in_force_stays_if_an_objective_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "rules"
    write_rules(folder, "", Links())
    before = {path.name: path.read_text() for path in folder.iterdir()}
    monkeypatch.setitem(
        GENERATED, "slo-recordings.yml", lambda _: str(_load(tmp_path, {**LOGIN, "target": 100}))
    )
    with pytest.raises(AlertingError, match="no error budget"):
        write_rules(folder, "", Links())
    assert {path.name: path.read_text() for path in folder.iterdir()} == before
    shutil.rmtree(folder)


def test_metrics_are_kept_for_longer_than_the_longest_window() -> None:
    longest = max(int(slo.window.removesuffix("d")) for slo in slos.load())
    assert int(StackSettings.model_fields["retention_metrics"].default.removesuffix("h")) >= 24 * longest


def test_one_tier_of_a_burn_can_inhibit_the_other() -> None:
    tiers = {name: rule["labels"].get("burnrate_tier") for name, rule in alerts().items() if "Burn" in name}
    assert tiers == {"SloBurnFast": "fast", "SloBurnSlow": "slow"}
