"""`make alert-test`: what each channel answers to a test alert, with a hint for each kind of refusal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from stack.alerting import AlertingError, Channels, Links, Platform
from stack.alerting.hints import hint
from stack.alerting.send import DEFAULT, Answer, example, send
from tests.programs import free_port
from tests.receivers.endpoint import Fault
from tests.receivers.mail_server import PASSWORD, USER, WRONG_LOGIN, MailServer, Refusal
from tests.receivers.slack import Slack
from tests.receivers.webhook import Webhook

TOKEN = "planted"


@pytest.fixture(name="slack")
def _slack() -> Iterator[Slack]:
    with Slack() as server:
        yield server


@pytest.fixture(name="platform")
def _platform() -> Iterator[Webhook]:
    with Webhook(TOKEN) as server:
        yield server


def _by_channel(answers: list[Answer]) -> dict[str, Answer]:
    return {answer.channel: answer for answer in answers}


def _alert(name: str = DEFAULT) -> dict[str, Any]:
    return example(name, "", Links())


def _mail(relay: MailServer, **others: Any) -> Channels:  # noqa: ANN401 - any setting
    given = {
        "mail_to": "on-call@lms.example",
        "mail_from": "alerts@lms.example",
        "mail_smarthost": relay.smarthost,
        "mail_user": USER,
        "mail_password": SecretStr(PASSWORD),
        "mail_ca_file": relay.certificate,
    }
    return Channels(**{**given, **others})


def test_every_channel_gets_the_alert_and_its_end(tmp_path: Path, slack: Slack, platform: Webhook) -> None:
    with MailServer(tmp_path) as relay:
        channels = _mail(relay, slack_webhook_url=SecretStr(slack.webhook_url))
        answers = _by_channel(send(channels, Platform(platform.url, SecretStr(TOKEN)), "", _alert("LmsDown")))
    assert set(answers) == {"on-call: slack", "on-call: mail to on-call@lms.example", "on-call: platform"}
    assert {answer.sentence() for answer in answers.values()} == {"accepted, and its end too"}
    assert [each.subject[:13] for each in relay.mails] == ["TEST [FIRING]", "TEST [RESOLVE"]
    assert all(each.common_labels["test"] == "true" for each in platform.notifications)
    assert len(slack.posts) == 2


def test_one_refusal_is_printed_and_the_others_are_not_held_back(slack: Slack, platform: Webhook) -> None:
    slack.break_down(Fault(404, "no_service"))
    channels = Channels(slack_webhook_url=SecretStr(slack.webhook_url))
    answers = _by_channel(send(channels, Platform(platform.url, SecretStr(TOKEN)), "", _alert()))
    assert answers["on-call: platform"].accepted
    assert not answers["on-call: slack"].accepted
    assert re.search(r"404.*no_service.*\n.*does not exist any more", answers["on-call: slack"].sentence())


def test_a_wrong_token_of_the_platform_is_a_refusal(platform: Webhook) -> None:
    (answer,) = send(Channels(), Platform(platform.url, SecretStr("another")), "", _alert())
    assert re.search(r"401.*\n.*token or key is wrong", answer.sentence())


@pytest.mark.parametrize(
    ("refusal", "advice"),
    [
        (WRONG_LOGIN, "STACK_MAIL_USER and STACK_MAIL_PASSWORD"),
        (Refusal("RCPT", "550 5.1.1 No such user here"), "refuses the sender or a recipient"),
    ],
)
def test_a_relay_that_refuses_is_explained(tmp_path: Path, refusal: Refusal, advice: str) -> None:
    with MailServer(tmp_path) as relay:
        relay.break_down(refusal)
        (answer,) = send(_mail(relay), None, "", _alert())
    assert not answer.accepted
    assert advice in answer.sentence()


def test_a_certificate_that_nobody_signed_and_a_port_without_a_relay_are_explained(tmp_path: Path) -> None:
    with MailServer(tmp_path) as relay:
        (answer,) = send(_mail(relay, mail_ca_file=None), None, "", _alert())
    assert "STACK_MAIL_CA_FILE" in answer.sentence()
    nowhere = Channels(slack_webhook_url=SecretStr(f"http://127.0.0.1:{free_port()}/x"))
    (answer,) = send(nowhere, None, "", _alert())
    assert "nothing listens" in answer.sentence()


def test_no_secret_is_printed() -> None:
    """Telegram's bot token is part of the address, which Alertmanager's error quotes."""
    nowhere = Channels(
        telegram_bot_token=SecretStr("123456:planted-token"),
        telegram_chat_id=12,
        telegram_url=f"http://127.0.0.1:{free_port()}",
    )
    (answer,) = send(nowhere, None, "", _alert())
    assert "<secret>" in answer.sentence()
    assert "planted" not in answer.sentence()


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("unexpected status code 403: not_in_channel", "invite the app"),
        ("unexpected status code 429: rate_limited", "wait a minute"),
        ("unexpected status code 503: ", "out of order"),
        ("error response from Slack: channel_not_found", "does not exist"),
        ("error response from Slack: invalid_auth", "token or key"),
        ("dial tcp: lookup smtp.lms.invalid: no such host", "DNS"),
        ("dial tcp 192.0.2.1:587: i/o timeout", "firewall"),
        ("context deadline exceeded", "firewall"),
        ("establish TLS connection to server: tls: first record does not look like a TLS handshake", "465"),
        (
            "'require_tls' is true (default) but \"x\" does not advertise the STARTTLS extension",
            "no STARTTLS",
        ),
        ("*smtp.plainAuth auth: 535 5.7.8 Authentication credentials invalid", "STACK_MAIL_USER"),
        ("send RCPT command: 451 4.7.1 Greylisted, try again later", "for now"),
        ("something else", ""),
    ],
)
def test_each_kind_of_refusal_has_a_hint(error: str, advice: str) -> None:
    assert advice in hint(error)
    assert bool(advice) == bool(hint(error))


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(AlertingError, match="There is no alert LmsDwn: did you mean LmsDown"):
        _alert("LmsDwn")


def test_the_texts_have_no_expressions() -> None:
    assert "{{" not in str(_alert("SloBurnFast"))
