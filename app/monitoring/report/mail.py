"""A report as a mail, and its way to the mail server."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Literal, Self

from app.core.settings import Settings
from app.core.settings.report import addresses
from app.monitoring.report.content import Report
from app.monitoring.report.html import as_html
from app.monitoring.report.text import as_text

_SECONDS = 30.0


class MailNotSent(Exception):  # noqa: N818 - a fact about the mail server, which callers expect
    """The mail server did not take the mail; the message says what it answered and what to do."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in; without a user there is no login."""

    host: str
    port: int
    tls: Literal["starttls", "implicit", "none"]
    user: str
    password: str

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Returns the one that the settings name."""
        password = settings.smtp_password.get_secret_value() if settings.smtp_password else ""
        return cls(settings.smtp_host, settings.smtp_port, settings.smtp_tls, settings.smtp_user, password)

    def send(self, message: EmailMessage, recipients: Sequence[str] | None = None) -> Mapping[str, int]:
        """Hands in a mail; blocks for up to half a minute a step.

        Args:
            message: what to send.
            recipients: who gets it now; None for whom the message is addressed to.

        Returns:
            The recipients that were refused, with the server's code: from 400 for now, from 500 for good.

        Raises:
            MailNotSent: Nobody will get it.
        """
        try:
            with self._connected() as server:
                if self.user:
                    server.login(self.user, self.password)
                refused = server.send_message(message, to_addrs=recipients)
                return {address: code for address, (code, _) in refused.items()}
        except smtplib.SMTPAuthenticationError as error:
            raise self._failed(error, "check LMS_SMTP_USER and LMS_SMTP_PASSWORD") from error
        except smtplib.SMTPRecipientsRefused as error:
            raise self._failed(error, "check LMS_REPORT_TO") from error
        except smtplib.SMTPSenderRefused as error:
            raise self._failed(error, "check LMS_SMTP_FROM, and whether it asks for a login") from error
        except ssl.SSLError as error:
            hint = "check LMS_SMTP_TLS and LMS_SMTP_PORT, and that this machine trusts its certificate"
            raise self._failed(error, hint) from error
        except smtplib.SMTPNotSupportedError as error:
            raise self._failed(error, "check LMS_SMTP_TLS, and whether it takes a login") from error
        except (smtplib.SMTPException, OSError, UnicodeError) as error:  # UnicodeError: no name of a host
            raise self._failed(error, "check LMS_SMTP_HOST and LMS_SMTP_PORT") from error

    def _connected(self) -> smtplib.SMTP:
        if self.tls == "implicit":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, timeout=_SECONDS, context=context)
        server = smtplib.SMTP(self.host, self.port, timeout=_SECONDS)
        if self.tls == "none":
            return server
        try:
            server.starttls(context=ssl.create_default_context())
        except BaseException:
            server.close()
            raise
        return server

    def _failed(self, error: Exception, hint: str) -> MailNotSent:
        said = " ".join(_said(error).split())[:300]
        return MailNotSent(f"The mail server {self.host}:{self.port} did not take it ({said}); {hint}.")


def message_of(report: Report, sender: str, recipients: str, now: datetime) -> EmailMessage:
    """Returns the mail of a report. Its id is the period's, so that a mail program shows a second copy once.

    Args:
        report: what it says.
        sender: its sender's address.
        recipients: addresses, separated by commas.
        now: when it is written.
    """
    message = EmailMessage()
    message["From"] = sender
    message["To"] = ", ".join(addresses(recipients))
    message["Subject"] = report.subject
    message["Date"] = format_datetime(now)
    domain = sender.rpartition("@")[2]
    message["Message-ID"] = f"<report.{report.period.cadence}.{report.period.name}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no absence notes in return
    message.set_content(as_text(report))
    message.add_alternative(as_html(report), subtype="html")
    return message


def _said(error: Exception) -> str:
    """Returns what the server said, without its bytes' quotes."""
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        return f"{error.smtp_code} {said.decode(errors='replace') if isinstance(said, bytes) else said}"
    return str(error) or type(error).__name__
