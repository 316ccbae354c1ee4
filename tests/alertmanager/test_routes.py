"""Who is notified of which alert, by amtool; and what is left out without its setting."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from stack.alerting import AlertingError, Channels, Platform, write
from stack.alerting.channels import SOURCE, render
from stack.alerting.thresholds import Thresholds
from tests.alertmanager import rendered
from tests.alertmanager.rendered import run

SECRET = SecretStr("planted-secret")
ADDRESS = SecretStr("http://127.0.0.1:9/planted")
NONE = Channels()
SLACK = Channels(slack_webhook_url=ADDRESS)
BOT = Channels(slack_bot_token=SECRET, slack_channel="#alerts")
MAIL = Channels(mail_to="on-call@lms.example", mail_smarthost="127.0.0.1:1025", mail_tls="none")
LOGIN = Channels(
    mail_to="a@lms.example, b@lms.example",
    mail_smarthost="smtp.lms.example:587",
    mail_user="alerts",
    mail_password=SECRET,
)
HOOKS = Channels(webhook_urls=SecretStr("http://127.0.0.1:9/planted/1, http://127.0.0.1:9/planted/2"))
PAGERDUTY = Channels(pagerduty_routing_key=SECRET)
TELEGRAM = Channels(telegram_bot_token=SECRET, telegram_chat_id=-100)
PUSHOVER = Channels(pushover_token=SECRET, pushover_user_key=SECRET)
OPSGENIE = Channels(opsgenie_api_key=SECRET)
WATCHDOG = Channels(watchdog_url=ADDRESS)
SECOND = Channels(second_line_slack_webhook_url=ADDRESS, second_line_pagerduty_routing_key=SECRET)
MANAGEMENT = Channels(
    management_opsgenie_api_key=SECRET,
    management_mail_to="boss@lms.example",
    mail_to="a@lms.example",
    mail_smarthost="smtp.lms.example:465",
    mail_tls="implicit",
)
PLATFORM = Platform("http://127.0.0.1:8000", SECRET)

FIRST = "on-call"
TIERS = ("on-call", "escalation-second-line", "escalation-management")
BY_SEVERITY = {"page": TIERS, "warning": ("warnings",), "info": ("record",), "none": ("nobody",)}
BY_NAME = {"Watchdog": ("watchdog",)}
SETS = {
    "none": (NONE, {}),
    "slack": (SLACK, {FIRST: {"slack": 1}, "warnings": {"slack": 1}}),
    "bot": (BOT, {FIRST: {"slack": 1}, "warnings": {"slack": 1}}),
    "mail": (MAIL, {FIRST: {"email": 1}}),
    "login": (LOGIN, {FIRST: {"email": 1}}),
    "hooks": (HOOKS, {FIRST: {"webhook": 2}, "warnings": {"webhook": 2}, "record": {"webhook": 2}}),
    "pagerduty": (PAGERDUTY, {FIRST: {"pagerduty": 1}}),
    "telegram": (TELEGRAM, {FIRST: {"telegram": 1}}),
    "pushover": (PUSHOVER, {FIRST: {"pushover": 1}}),
    "opsgenie": (OPSGENIE, {FIRST: {"opsgenie": 1}}),
    "watchdog": (WATCHDOG, {"watchdog": {"webhook": 1}}),
    "second": (SECOND, {TIERS[1]: {"slack": 1, "pagerduty": 1}}),
    "management": (MANAGEMENT, {FIRST: {"email": 1}, TIERS[2]: {"email": 1, "opsgenie": 1}}),
}


@pytest.mark.parametrize("name", SETS)
def test_each_channel_is_there_without_the_others(tmp_path: Path, name: str) -> None:
    channels, expected = SETS[name]
    write(tmp_path, channels)
    done = run("amtool", "check-config", tmp_path / "alertmanager.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    receivers = yaml.safe_load((tmp_path / "alertmanager.yml").read_text())["receivers"]
    found = {
        each["name"]: {
            key.removesuffix("_configs"): len(entries) for key, entries in each.items() if key != "name"
        }
        for each in receivers
    }
    assert found == {receiver: expected.get(receiver, {}) for receiver in found}
    assert found.keys() == {*TIERS, "warnings", "record", "watchdog", "nobody"}


def test_everything_that_is_set_notifies_of_the_end_and_the_platform_of_everything() -> None:
    every = [channels for channels, _ in SETS.values()]
    for channels in every:
        text = render(SOURCE.read_text(), channels, SOURCE.parent, Thresholds.load(), PLATFORM)
        for receiver in yaml.safe_load(text)["receivers"]:
            integrations = [each for key in receiver if key != "name" for each in receiver[key]]
            # What Alertmanager sends the end of by default; Slack and mail only if asked.
            asked = [*receiver.get("slack_configs", []), *receiver.get("email_configs", [])]
            assert all(each["send_resolved"] for each in asked)
            ends = [each.get("send_resolved", True) for each in integrations]
            assert all(ends) == (receiver["name"] != "watchdog" or not integrations)
            recorded = [each for each in integrations if each.get("url") == PLATFORM.webhook]
            assert len(recorded) == (receiver["name"] not in {"watchdog", "nobody"})


@pytest.fixture(name="file", scope="module")
def _file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("routes")
    write(folder, SLACK)
    return folder / "alertmanager.yml"


def _receivers(file: Path, labels: dict[str, str]) -> tuple[str, ...]:
    pairs = [f"{name}={value}" for name, value in labels.items() if "{{" not in value]
    done = run("amtool", "config", "routes", "test", f"--config.file={file}", *pairs)
    assert done.returncode == 0, done.stderr
    return tuple(done.stdout.strip().split(","))


@pytest.mark.parametrize("name", sorted(rendered.alerts()))
def test_every_alert_reaches_who_acts_on_it(file: Path, name: str) -> None:
    labels = rendered.alerts()[name]["labels"]
    expected = BY_NAME.get(name, BY_SEVERITY[labels["severity"]])
    assert _receivers(file, {"alertname": name, **labels}) == expected


@pytest.mark.parametrize("severity", ["page", "warning", "info", "urgent", ""])
def test_every_severity_reaches_somebody(file: Path, severity: str) -> None:
    known = BY_SEVERITY.get(severity, ("on-call",))
    labels = {"severity": severity} if severity else {}
    assert _receivers(file, {"alertname": "Anything", **labels}) == known


def test_a_placeholder_that_nothing_defines_is_named() -> None:
    source = SOURCE.read_text().replace("'${MAIL_TO}'", "'${MAIL_FOR}'")
    with pytest.raises(AlertingError, match=r"\$\{MAIL_FOR\}.*\$\{MAIL_TO\}"):
        render(source, MAIL, SOURCE.parent, Thresholds.load())


def test_a_secret_that_no_setting_gives_is_named() -> None:
    source = SOURCE.read_text().replace("secrets/opsgenie_api_key", "secrets/opsgenie_kee")
    with pytest.raises(AlertingError, match="secrets/opsgenie_kee; STACK_OPSGENIE_KEE does not exist"):
        render(source, MAIL, SOURCE.parent, Thresholds.load())


def test_secrets_are_files_that_only_their_owner_reads_and_go_when_unset(tmp_path: Path) -> None:
    names = set()
    for channels, _ in SETS.values():
        write(tmp_path, channels, platform=PLATFORM)
        assert "planted" not in (tmp_path / "alertmanager.yml").read_text()
        files = list((tmp_path / "secrets").iterdir())
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
        names |= {path.name for path in files}
    assert {"slack_webhook_url", "mail_password", "webhook_urls_2", "alerts_token"} <= names
    write(tmp_path, NONE)
    assert list((tmp_path / "secrets").iterdir()) == []


def test_each_secret_setting_is_one_that_some_integration_reads() -> None:
    text = SOURCE.read_text()
    secret = {each.key.removeprefix("STACK_").lower() for each in Channels.variables() if each.secret}
    assert {name for name in secret if f"secrets/{name}" not in text} == set()


def test_the_root_route_is_never_muted() -> None:
    route = yaml.safe_load(SOURCE.read_text())["route"]
    assert not {"mute_time_intervals", "active_time_intervals"} & set(route)
