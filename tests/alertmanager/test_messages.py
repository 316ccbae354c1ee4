"""What people read: golden files by amtool, hostile texts, and messages of a running Alertmanager."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from pydantic import SecretStr

from stack.alerting import Channels
from tests.alertmanager import pictures
from tests.alertmanager.golden import (
    CASES,
    FORMS,
    GOLDEN,
    HOSTILE,
    LABELS,
    NOTES,
    alert,
    group,
    message,
    render,
)
from tests.alertmanager.routed import Routed, routed
from tests.receivers.mail_server import PASSWORD, USER, Mail, MailServer, Security
from tests.receivers.slack import Post, Slack
from tests.receivers.slack_schema import Attachment

OURS = "https://alerts.lms.example/#/"
_ADDRESS = re.compile(r"\w+://\S+")
_DOMAIN = re.compile(r"[\w-]\.[^\W\d_]")


class _Page(HTMLParser):
    """Collects what a mail program makes of HTML."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [str(value) for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", CASES)
def test_a_message_is_as_its_golden_file_says(case: str, form: str) -> None:
    assert message(form, case) == (GOLDEN / f"{case}.{form}").read_text(encoding="utf-8")


def test_every_golden_file_belongs_to_a_case() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == {f"{case}.{form}" for case in CASES for form in FORMS}


def test_the_pictures_show_what_the_templates_render() -> None:
    for path, content in pictures.files().items():
        assert path.read_text(encoding="utf-8") == content


@pytest.mark.parametrize("form", ["slack.txt", "phone.txt", "mail.txt"])
def test_nothing_that_was_typed_is_a_link_or_a_mention_in_text(form: str) -> None:
    text = message(form, "hostile")
    links = _ADDRESS.findall(text)
    assert all(link.startswith(OURS) for link in links)
    rest = _ADDRESS.sub("", text)
    assert "://" not in rest
    assert not re.search(r"[@#]\w", rest)
    assert not _DOMAIN.search(rest.replace("{{ .ExternalURL }}", ""))
    assert "javascript:" not in text
    assert not re.search(r"[\u200b\u202a-\u202e\r]", text)


def test_slacks_own_characters_are_entities() -> None:
    text = message("slack.txt", "hostile")
    assert "<" not in text
    assert ">" not in text
    assert "&lt;!channel&gt;" in text
    assert "&amp;lt;!here&amp;gt;" in text


def test_nothing_that_was_typed_is_markup_in_html() -> None:
    hostile, plain = (_Page(message("mail.html", case)) for case in ("hostile", "page"))
    assert hostile.tags == plain.tags
    assert hostile.attributes == plain.attributes
    assert all(link.startswith(OURS) for link in hostile.links)
    words = "".join(hostile.words)
    assert "://" not in words
    assert not re.search(r"[@#]\w", words.replace("#616061", ""))


def test_every_link_of_a_page_leads_where_the_alert_says() -> None:
    links = _Page(message("mail.html", "page")).links
    expected = {NOTES[name] for name in ("runbook_url", "dashboard_url", "logs_url", "traces_url")}
    assert expected == {link for link in links if not link.startswith(OURS)}
    (acknowledge,) = [link for link in links if link.startswith(OURS)]
    assert _matchers(acknowledge) == LABELS
    text = message("mail.txt", "page")
    assert {*expected, *_ADDRESS.findall(text)} == {*_ADDRESS.findall(text)}


def _matchers(link: str) -> dict[str, str]:
    """Returns the matchers in the address of Alertmanager's form for a silence."""
    query = urlsplit(link).fragment.partition("?filter=")[2]
    inside = re.fullmatch(r"\{(.*)\}", unquote(query))
    assert inside
    found = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', inside[1])
    return {name: re.sub(r"\\(.)", r"\1", value) for name, value in found}


def _acknowledge(data: dict[str, Any]) -> str:
    """Returns the address behind Acknowledge, which is the same in every form."""
    (mail,) = [link for link in _Page(render(FORMS["mail.html"], data, html=True)).links if OURS in link][:1]
    text = render('{{ template "lms.url.acknowledge" . }}', data).strip()
    assert unquote(mail) == unquote(text)
    return text


@pytest.mark.parametrize("value", ["two words", HOSTILE[:100], "a+b&c=d#e%41", 'é"\\"', "x" * 300])
def test_the_acknowledge_link_has_every_label_in_full(value: str) -> None:
    labels = {f"label_{number}": str(number) for number in range(20)} | {"path": value}
    assert _matchers(_acknowledge(group(alert(labels)))) == {**LABELS, **labels}


def test_several_alerts_are_acknowledged_one_by_one() -> None:
    """A silence of their common labels would silence every page of the service."""
    assert _acknowledge(CASES["many"]) == OURS + "alerts?filter=%7Bservice_name%3D%22lms%22%7D"
    apart = group(alert(), alert({"service_name": "redis"}))
    assert _acknowledge(apart) == OURS + "alerts"
    hostile = {"service_name": HOSTILE}
    assert _acknowledge(group(alert(hostile), alert({**hostile, "a": "b"}))) == OURS + "alerts"


def test_the_one_that_still_fires_is_acknowledged() -> None:
    assert _matchers(_acknowledge(CASES["one-of-two-ended"])) == LABELS


def test_labels_that_are_too_long_for_an_address_lead_to_the_alerts() -> None:
    assert _acknowledge(CASES["huge"]) == OURS + "alerts"


@pytest.mark.parametrize("case", ["many", "huge", "hostile"])
def test_a_message_is_bounded(case: str) -> None:
    assert len(message("slack.txt", case)) < 8_000
    assert len(message("phone.txt", case)) < 4_096  # Telegram's limit
    assert len(message("mail.txt", case)) < 20_000


@pytest.fixture(name="slack", scope="module")
def _slack() -> Iterator[Slack]:
    with Slack() as server:
        yield server


@contextmanager
def _world(folder: Path, slack: Slack, relay: MailServer) -> Iterator[Routed]:
    channels = Channels(
        slack_webhook_url=SecretStr(slack.webhook_url),
        mail_to="on-call@lms.example, deputy@lms.example",
        mail_from="alerts@lms.example",
        mail_smarthost=relay.smarthost,
        mail_user=USER,
        mail_password=SecretStr(PASSWORD),
        mail_tls=relay.security,
        mail_ca_file=relay.certificate,
    )
    with routed(folder, channels, None, None, "--web.external-url=https://alerts.lms.example") as running:
        yield running


def _attachment(post: Post) -> Attachment:
    (found,) = post.message.attachments
    return found


@pytest.mark.parametrize("security", ["starttls", "implicit"])
def test_a_page_and_its_end_reach_slack_and_every_recipient(
    tmp_path: Path, slack: Slack, security: Security
) -> None:
    seen = len(slack.posts)
    with MailServer(tmp_path, security) as relay, _world(tmp_path, slack, relay) as running:
        running.send(LABELS, notes=NOTES)
        slack.wait_for(seen + 1)
        relay.wait_for(1)
        running.send(LABELS, notes=NOTES, ended=True)
        slack.wait_for(seen + 2)
        relay.wait_for(2)
    first, last = slack.posts[seen:]
    assert _attachment(first).title == "[FIRING] ApiErrors: 12.3 % of requests fail"
    assert _attachment(last).title == "[RESOLVED] ApiErrors: 12.3 % of requests fail"
    buttons = {each.text: each.url for each in _attachment(first).actions}
    assert list(buttons) == ["Runbook", "Dashboard", "Logs", "Traces", "Acknowledge"]
    assert buttons["Runbook"] == NOTES["runbook_url"]
    assert _matchers(str(buttons["Acknowledge"])) == LABELS
    assert [mail.subject for mail in relay.mails] == [_attachment(each).title for each in (first, last)]
    assert all(NOTES["description"] in mail.text and NOTES["impact"] in mail.html for mail in relay.mails)
    assert relay.logins[0][1] == USER
    assert not relay.refused
    assert not slack.refused


def test_hostile_labels_arrive_as_harmless_text(tmp_path: Path, slack: Slack) -> None:
    seen = len(slack.posts)
    hostile = alert({"alertname": HOSTILE, "path": HOSTILE}, dict.fromkeys(NOTES, HOSTILE))
    with MailServer(tmp_path) as relay, _world(tmp_path, slack, relay) as running:
        running.send(hostile["labels"], notes=hostile["annotations"])
        slack.wait_for(seen + 1)
        relay.wait_for(1)
    (post,) = slack.posts[seen:]
    assert post.controls() == []
    assert "://" not in post.text
    assert all(str(each.url).startswith(OURS) for each in _attachment(post).actions)
    (mail,) = relay.mails
    _is_harmless(mail)
    assert not slack.refused
    assert not relay.refused


def _is_harmless(mail: Mail) -> None:
    assert "\n" not in mail.subject
    assert "victim" not in str(mail.message.get_all("bcc"))
    page = _Page(mail.html)
    assert "script" not in page.tags
    assert all(link.startswith(OURS) for link in page.links)


@pytest.mark.parametrize("case", ["many", "huge"])
def test_slack_takes_the_largest_messages(tmp_path: Path, slack: Slack, case: str) -> None:
    seen = len(slack.posts)
    with routed(tmp_path, Channels(slack_webhook_url=SecretStr(slack.webhook_url))) as running:
        for each in CASES[case]["alerts"]:
            running.send(each["labels"], notes=each["annotations"])
        slack.wait_for(seen + 1)
    assert not slack.refused
