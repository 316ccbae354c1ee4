"""What rings phones, and Slack's bot: each takes a page and its end, whether or not the others are set."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import yaml

from stack.alerting import Channels, write
from stack.alerting.channels import SOURCE
from tests.alertmanager import rendered
from tests.alertmanager.golden import HOSTILE, LABELS, NOTES, alert, group, render
from tests.alertmanager.routed import QUICK, Routed, shortened
from tests.programs import wait_until
from tests.receivers import phones, pushover, slack
from tests.receivers.endpoint import Endpoint
from tests.receivers.phones import Opsgenie, PagerDuty, Telegram
from tests.receivers.pushover import Pushover
from tests.receivers.slack import Slack

OURS: Final = "https://alerts.lms.example/#/"
CHANNEL: Final = "#alerts"
SERVICES: Final = ("pagerduty", "opsgenie", "telegram", "pushover", "slack")
HUGE: Final = "ä" * 10_000
_ADDRESS: Final = re.compile(r"\w+://[!-~]+")
# What apps make a link or a mention of by themselves.
_LIVE: Final = re.compile(r"://|[@#]\w|[\w-]\.[^\W\d_]")


@dataclass(frozen=True)
class World:
    """The services, all of them running; Alertmanager knows those that are set."""

    pagerduty: PagerDuty
    opsgenie: Opsgenie
    telegram: Telegram
    pushover: Pushover
    slack: Slack

    def service(self, name: str) -> Endpoint:
        """Returns a service by its name."""
        found: Endpoint = getattr(self, name)
        return found

    def settings(self, name: str) -> dict[str, str]:
        """Returns what an operator sets for a service, and its address."""
        return {
            "pagerduty": {
                "STACK_PAGERDUTY_ROUTING_KEY": phones.ROUTING_KEY,
                "STACK_PAGERDUTY_URL": self.pagerduty.events_url,
            },
            "opsgenie": {"STACK_OPSGENIE_API_KEY": phones.API_KEY, "STACK_OPSGENIE_URL": self.opsgenie.url},
            "telegram": {
                "STACK_TELEGRAM_BOT_TOKEN": phones.BOT_TOKEN,
                "STACK_TELEGRAM_CHAT_ID": str(phones.CHAT_ID),
                "STACK_TELEGRAM_URL": self.telegram.url,
            },
            "pushover": {
                "STACK_PUSHOVER_TOKEN": pushover.TOKEN,
                "STACK_PUSHOVER_USER_KEY": pushover.USER_KEY,
            },
            "slack": {
                "STACK_SLACK_BOT_TOKEN": slack.TOKEN,
                "STACK_SLACK_CHANNEL": CHANNEL,
                "STACK_SLACK_API_URL": self.slack.api_url,
            },
        }[name]

    def texts(self) -> Iterator[str]:
        """Yields every text that people read, but for Slack's, which has markup of its own."""
        for event in self.pagerduty.events:
            payload = event.payload
            yield from (payload.summary, payload.component, *map(str, payload.custom_details.values()))
        for each in self.opsgenie.opened:
            yield from (each.message, each.description, *each.details.values())
        yield from (text.text for text in self.telegram.texts)
        for notice in self.pushover.notices:
            yield from (notice.title, notice.message)

    def links(self) -> Iterator[str]:
        """Yields every address that is sent as one."""
        for event in self.pagerduty.events:
            yield from (event.client_url, *(link.href for link in event.links))
        yield from (str(each.url) for each in self.pushover.notices)
        for post in self.slack.posts:
            yield from (str(each.url) for each in post.message.attachments[0].actions)


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[World]:
    services = (PagerDuty(), Opsgenie(), Telegram(), Pushover(tmp_path), Slack(frozenset({CHANNEL})))
    with ExitStack() as stack:
        for each in services:
            stack.enter_context(each)
        yield World(*services)


@contextmanager
def _alertmanager(folder: Path, world: World, names: Sequence[str]) -> Iterator[Routed]:
    """Runs Alertmanager with the configuration of production for these services, and shorter waits."""
    given: dict[str, str] = {}
    for name in names:
        given |= world.settings(name)
    write(folder, Channels.from_env(given), thresholds=shortened(QUICK))
    _connect(folder / "alertmanager.yml", world.pushover)
    running = Routed(folder, ["--cluster.listen-address=", "--web.external-url=https://alerts.lms.example"])
    try:
        running.start()
        yield running
    finally:
        running.stop()
        running.client.close()


def _connect(file: Path, proxy: Pushover) -> None:
    """Leads to Pushover through the proxy: its address is fixed in Alertmanager, how it gets there is not."""
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    way = {"proxy_url": proxy.url, "tls_config": {"ca_file": str(proxy.certificate)}}
    for receiver in content["receivers"]:
        for each in receiver.get("pushover_configs", []):
            each["http_config"] = way
    file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")


def _page(running: Routed, world: World, names: Sequence[str], labels: Mapping[str, str] = LABELS) -> None:
    """Sends a page and its end, each after all services had what came before."""
    for count, ended in enumerate((False, True), 1):
        running.send(labels, notes=NOTES, ended=ended)
        for name in names:
            world.service(name).wait_for(count)
    wait_until(lambda: not running.client.get("/api/v2/alerts/groups").json(), "the group is gone")


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_rings_without_the_others(tmp_path: Path, world: World, name: str) -> None:
    with _alertmanager(tmp_path / "etc", world, [name]) as running:
        _page(running, world, [name])
    requests = {each: len(world.service(each).attempts) for each in SERVICES}
    assert requests == {**dict.fromkeys(SERVICES, 0), name: 2}
    assert world.service(name).refused == []


def test_a_page_and_its_end_reach_each_service_once(tmp_path: Path, world: World) -> None:
    with _alertmanager(tmp_path / "etc", world, SERVICES) as running:
        _page(running, world, SERVICES)
    assert [(len(each.attempts), each.refused) for each in map(world.service, SERVICES)] == [(2, [])] * 5
    start, end = (f"[{state}] ApiErrors: 12.3 % of requests fail" for state in ("FIRING", "RESOLVED"))

    trigger, resolve = world.pagerduty.events
    assert (trigger.event_action, resolve.event_action) == ("trigger", "resolve")
    assert trigger.dedup_key == resolve.dedup_key
    assert (trigger.payload.severity, trigger.payload.summary) == ("critical", start)
    assert [link.href for link in trigger.links] == [NOTES["runbook_url"], NOTES["dashboard_url"]]

    (opened,) = world.opsgenie.opened
    assert (opened.message, opened.priority) == (start, "P1")
    assert world.opsgenie.closed == [opened.alias]

    assert [each.text.splitlines()[0] for each in world.telegram.texts] == [start, end]
    assert [each.title for each in world.pushover.notices] == [start, end]
    assert [each.priority for each in world.pushover.notices] == [pushover.EMERGENCY, 0]
    assert [each.message.attachments[0].title for each in world.slack.posts] == [start, end]


@pytest.mark.parametrize("value", [HOSTILE, HOSTILE + HUGE], ids=["hostile", "huge"])
def test_nothing_that_was_typed_becomes_a_link_or_a_mention(tmp_path: Path, world: World, value: str) -> None:
    labels = {**LABELS, **dict.fromkeys(("alertname", "owner", "check", "instance"), value)}
    with _alertmanager(tmp_path / "etc", world, SERVICES) as running:
        running.send(labels, notes=dict.fromkeys(NOTES, value))
        for name in SERVICES:
            world.service(name).wait_for(1)
    assert [each.refused for each in map(world.service, SERVICES)] == [[]] * 5
    assert all(link.startswith(OURS) for link in world.links())
    for text in world.texts():
        assert all(link.startswith(OURS) for link in _ADDRESS.findall(text))
        assert not _LIVE.search(_ADDRESS.sub("", text)), text
    assert [each.parse_mode for each in world.telegram.texts] == [""]
    (post,) = world.slack.posts
    assert post.controls() == []
    assert "://" not in post.text


def _pages() -> Iterator[dict[str, str]]:
    """Yields the labels of every page that the rules' cases expect."""
    for path in rendered.case_files():
        for case in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            for time in case.get("alert_rule_test", []):
                expected = (each["exp_labels"] for each in time.get("exp_alerts") or [])
                yield from (each for each in expected if each["severity"] == "page")


def test_opsgenie_is_sent_no_label_of_a_page_as_it_is() -> None:
    details = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))["x-opsgenie"]["details"]
    found = {name for labels in _pages() for name in labels}
    assert {"service_name", "severity", "instance"} <= found
    assert {*found, "alertname"} == set(details)


@pytest.mark.parametrize("letter", ["x", '"', " ", "é", "+"])
def test_pushovers_address_is_never_cut_off(letter: str) -> None:
    alerts = OURS + "alerts"
    kept, replaced = 0, 0
    for length in range(0, 400, 20):
        data = group(alert({"instance": "i" + letter * length, "mountpoint": "/var/lib"}))
        address = render('{{ template "lms.pushover.url" . }}', data).strip()
        assert len(address) <= 512
        kept += address == render('{{ template "lms.url.acknowledge" . }}', data).strip() != alerts
        replaced += address == alerts
    assert kept
    assert replaced
    assert kept + replaced == 20


@pytest.mark.parametrize("firing", [1, 2, 3, 6])
@pytest.mark.parametrize("ended", [0, 1, 6])
def test_telegram_never_cuts_off_the_links(firing: int, ended: int) -> None:
    texts = dict.fromkeys(("summary", "description", "impact"), "ö" * 400)
    data = group(
        *(alert({"instance": f"10.0.0.{n}:8000"}, texts) for n in range(firing)),
        *(alert({"instance": f"10.0.1.{n}:8000"}, texts, ended=True) for n in range(ended)),
    )
    shown = render('{{ template "lms.phone.text" . }}', data)[:4095]
    acknowledge = render('{{ template "lms.url.acknowledge" . }}', data)
    assert f"Runbook: {NOTES['runbook_url']}\nAcknowledge: {acknowledge}" in shown
