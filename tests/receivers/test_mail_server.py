"""The relay that alerts are tested with refuses what relays refuse, and mail that no reader could use."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest

from tests.receivers.mail_rules import mistakes, valid_address
from tests.receivers.mail_server import (
    BUSY,
    GREYLISTED,
    PASSWORD,
    USER,
    WRONG_LOGIN,
    MailServer,
    Refusal,
    Security,
)

FROM, TO = "alerts@lms.example", "on-call@lms.example"


def _message() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = FROM, TO, "LmsDown: the platform does not answer"
    message["Date"], message["Message-ID"] = "Fri, 27 Nov 2026 22:00:00 +0000", "<1@lms.example>"
    message.set_content("It is down.")
    message.add_alternative("<p>It is down.</p>", subtype="html")
    return message


def _content(message: EmailMessage) -> bytes:
    return message.as_bytes(policy=SMTP)


@contextmanager
def _client(relay: MailServer) -> Iterator[smtplib.SMTP]:
    trusted = ssl.create_default_context(cafile=str(relay.certificate))
    if relay.security == "implicit":
        with smtplib.SMTP_SSL("127.0.0.1", relay.port, context=trusted) as client:
            yield client
        return
    with smtplib.SMTP("127.0.0.1", relay.port) as client:
        if relay.security == "starttls":
            client.starttls(context=trusted)
        yield client


def _login(client: smtplib.SMTP, password: str = PASSWORD) -> smtplib.SMTP:
    client.login(USER, password)
    return client


@pytest.mark.parametrize("security", ["starttls", "implicit", "none"])
def test_a_mail_is_taken_after_a_login(tmp_path: Path, security: Security) -> None:
    with MailServer(tmp_path, security) as relay:
        with _client(relay) as client:
            _login(client).send_message(_message())
        relay.wait_for(1)
    [mail] = relay.mails
    assert (mail.sender, mail.recipients, mail.user) == (FROM, (TO,), USER)
    assert mail.encrypted == (security != "none")
    assert (mail.subject, mail.text, mail.html) == (
        "LmsDown: the platform does not answer",
        "It is down.\n",
        "<p>It is down.</p>\n",
    )


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_both_mechanisms_log_in(tmp_path: Path, mechanism: str) -> None:
    with MailServer(tmp_path) as relay, _client(relay) as client:
        client.ehlo()
        client.user, client.password = USER, PASSWORD
        handler = client.auth_plain if mechanism == "PLAIN" else client.auth_login
        client.auth(mechanism, handler)
        client.send_message(_message())
    assert (relay.logins, len(relay.mails)) == ([(mechanism, USER)], 1)


def test_a_relay_without_starttls_offers_none(tmp_path: Path) -> None:
    with MailServer(tmp_path, "none") as relay, _client(relay) as client:
        client.ehlo()
        assert not client.has_extn("starttls")


def test_nobody_logs_in_or_sends_in_the_clear_where_starttls_is_offered(tmp_path: Path) -> None:
    with MailServer(tmp_path) as relay, smtplib.SMTP("127.0.0.1", relay.port) as client:
        with pytest.raises(smtplib.SMTPNotSupportedError):
            client.login(USER, PASSWORD)
        with pytest.raises(smtplib.SMTPResponseException, match="STARTTLS"):
            client.send_message(_message())
    assert relay.mails == []


def test_a_wrong_password_and_no_login_are_refused(tmp_path: Path) -> None:
    with MailServer(tmp_path) as relay:
        with _client(relay) as client, pytest.raises(smtplib.SMTPAuthenticationError, match="535"):
            _login(client, "wrong")
        with _client(relay) as client, pytest.raises(smtplib.SMTPSenderRefused, match="530"):
            client.send_message(_message())
    assert (relay.mails, len(relay.refused)) == ([], 3)  # a wrong password is tried by each mechanism


@pytest.mark.parametrize(
    ("refusal", "code"),
    [(BUSY, 421), (GREYLISTED, 451), (Refusal("DATA", "452 4.3.1 Out of space"), 452), (WRONG_LOGIN, 535)],
)
def test_a_scripted_refusal_comes_once(tmp_path: Path, refusal: Refusal, code: int) -> None:
    with MailServer(tmp_path) as relay:
        relay.fail(refusal, *([refusal] if refusal == WRONG_LOGIN else []))
        with _client(relay) as client, pytest.raises(smtplib.SMTPException, match=str(code)):
            _login(client).send_message(_message())
        with _client(relay) as client:
            _login(client).send_message(_message())
        relay.wait_for(1)


def test_a_broken_relay_refuses_until_it_is_mended(tmp_path: Path) -> None:
    with MailServer(tmp_path) as relay:
        relay.break_down(GREYLISTED)
        for _ in range(2):
            with _client(relay) as client, pytest.raises(smtplib.SMTPRecipientsRefused):
                _login(client).send_message(_message())
        relay.mend()
        with _client(relay) as client:
            _login(client).send_message(_message())
    assert (relay.attempts, len(relay.mails)) == (3, 1)


def test_a_good_mail_has_no_mistake() -> None:
    assert list(mistakes(_content(_message()))) == []


def _only(kind: str) -> bytes:
    message = EmailMessage()
    for name, value in _message().items():
        if name.lower() not in {"content-type", "mime-version"}:
            message[name] = value
    message.set_content("It is down.", subtype=kind)
    return _content(message)


def _with(header: bytes) -> Callable[[], bytes]:
    return lambda: header + b"\r\n" + _content(_message())


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: _only("plain"), "no text/html"),
        (lambda: _only("html"), "no text/plain"),
        (_with(b"Bcc: thief@evil.example"), "a header bcc"),
        (_with(b"Subject: another"), "2 headers subject"),
        (_with(b"Cc: nobody"), "cc: 'nobody'"),
        (lambda: _content(_message()).replace(b"To: on-call@lms.example", b"To: on-call"), "to: 'on-call'"),
        (lambda: _content(_message()).replace(b"Date: Fri, 27 Nov 2026", b"Date: someday"), "the date"),
        (lambda: _content(_message()).replace(b"It is down.\r\n", b"It is\ndown.\r\n", 1), "CR or LF alone"),
        (lambda: _content(_message()).replace(b"It is down.", b"x" * 999, 1), "more than 998 octets"),
        (lambda: _content(_message()).replace(b"Message-ID:", b"X-Other:"), "0 headers message-id"),
        (lambda: _content(_message()).rstrip().removesuffix(b"--"), "multipart/alternative"),
    ],
)
def test_a_mail_with_a_mistake_is_refused(make: Callable[[], bytes], named: str, tmp_path: Path) -> None:
    assert any(named in each for each in mistakes(make()))
    with MailServer(tmp_path, "none") as relay, _client(relay) as client:
        _login(client).mail(FROM)
        client.rcpt(TO)
        client.docmd("DATA")
        client.send(make().rstrip(b"\r\n") + b"\r\n.\r\n")
        assert client.getreply()[0] == 554
    assert relay.mails == []


@pytest.mark.parametrize(
    "address", ["on-call", "a@b", "a b@c.example", "a@b..c", "a@@b.example", "a@b.example\r\nRCPT"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    assert not valid_address(address)
