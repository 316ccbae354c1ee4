"""A mail relay with a login, over STARTTLS, TLS from the first byte, or neither."""

from __future__ import annotations

import ssl
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Final, Literal, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.collector_config.certificates import certificates
from tests.programs import free_port, wait_until
from tests.receivers.mail_rules import mistakes, parse, valid_address

USER: Final = "alerts@lms.example"
PASSWORD: Final = "planted mail password"
Security = Literal["starttls", "implicit", "none"]
Step = Literal["AUTH", "MAIL", "RCPT", "DATA"]
OK: Final = "250 2.0.0 OK"


@dataclass(frozen=True)
class Refusal:
    """An answer such as `451 4.7.1 Try again later` at one step of a delivery."""

    step: Step
    answer: str


BUSY: Final = Refusal("MAIL", "421 4.3.2 Too busy, try again later")
GREYLISTED: Final = Refusal("RCPT", "451 4.7.1 Greylisted, try again later")
WRONG_LOGIN: Final = Refusal("AUTH", "535 5.7.8 Authentication credentials invalid")


@dataclass(frozen=True)
class Mail:
    """A mail that the relay has taken."""

    message: EmailMessage
    sender: str
    recipients: tuple[str, ...]
    encrypted: bool
    user: str | None
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def subject(self) -> str:
        """The subject, decoded."""
        return str(self.message["subject"])

    @property
    def text(self) -> str:
        """The body for readers without HTML."""
        return self._body("plain")

    @property
    def html(self) -> str:
        """The body as HTML."""
        return self._body("html")

    def _body(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        assert part is not None
        return str(part.get_content()).replace("\r\n", "\n")


class MailServer:
    """Takes mails that keep to the rules while its ``with`` block runs, or between `start` and `stop`.

    ``logins`` are the mechanism and user of each attempt to log in, ``attempts`` counts the deliveries begun.

    Args:
        folder: where its certificate is written; ``certificate`` is the path that a client must trust.
        security: `starttls` and `implicit` encrypt; with `none` the relay offers no STARTTLS.
        login: whether it takes mail only from who logged in.
    """

    def __init__(self, folder: Path, security: Security = "starttls", *, login: bool = True) -> None:
        self.port = free_port()
        self.mails: list[Mail] = []
        self.refused: list[str] = []
        self.logins: list[tuple[str, str]] = []
        self.attempts = 0
        self.login = login
        self.security = security
        self.certificate, key, _ = certificates(folder)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.certificate, key)
        self._refusals: deque[Refusal] = deque()
        self._lasting: Refusal | None = None
        self._controller: Controller | None = None

    @property
    def smarthost(self) -> str:
        """The address as host:port."""
        return f"127.0.0.1:{self.port}"

    def fail(self, *refusals: Refusal) -> None:
        """Gives these answers, one at each time that its step comes next."""
        self._refusals.extend(refusals)

    def break_down(self, refusal: Refusal) -> None:
        """Gives this answer each time until `mend`."""
        self._lasting = refusal

    def mend(self) -> None:
        """Ends all refusals."""
        self._refusals.clear()
        self._lasting = None

    def scripted(self, step: Step) -> str | None:
        """Returns the scripted answer at a step, if there is one."""
        if self._refusals and self._refusals[0].step == step:
            return self._refusals.popleft().answer
        if self._lasting is not None and self._lasting.step == step:
            return self._lasting.answer
        return None

    def wait_for(self, count: int, seconds: float = 60.0) -> None:
        """Waits until it has taken at least this many mails.

        Raises:
            TimeoutError: it has not; with what was refused.
        """
        wait_until(
            lambda: len(self.mails) >= count,
            lambda: f"{count} mails came, not {len(self.mails)}; refused: {self.refused}",
            seconds,
        )

    def start(self) -> None:
        """Listens on the port; before, and after `stop`, connections to it are refused."""
        starttls = self.security == "starttls"
        self._controller = _Listener(
            _Handler(self),
            hostname="127.0.0.1",
            port=self.port,
            server_hostname="mail.lms.example",
            ssl_context=self._context if self.security == "implicit" else None,
            tls_context=self._context if starttls else None,
            require_starttls=starttls,
            auth_require_tls=starttls,
            authenticator=_Logins(self),
        )
        self._controller.start()

    def stop(self) -> None:
        """Stops listening; what was received is kept."""
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Smtp(SMTP):
    """Asks for a login in the usual words: Alertmanager gives up at those of aiosmtpd."""

    AuthLoginUsernameChallenge = "Username:"
    AuthLoginPasswordChallenge = "Password:"


class _Listener(Controller):
    def factory(self) -> SMTP:
        return _Smtp(self.handler, **self.SMTP_kwargs)


class _Logins:
    """Judges logins by AUTH PLAIN and AUTH LOGIN."""

    def __init__(self, relay: MailServer) -> None:
        self._relay = relay

    def __call__(
        self, _server: SMTP, _session: Session, _envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        user, password = data.login.decode(), data.password.decode()
        self._relay.logins.append((mechanism, user))
        answer = self._relay.scripted("AUTH")
        if answer is None and (user, password) == (USER, PASSWORD):
            return AuthResult(success=True, auth_data=user)
        self._relay.refused.append(f"login of {user}")
        return AuthResult(success=False, handled=False, message=answer or WRONG_LOGIN.answer)


class _Handler:
    """Judges each step of a delivery."""

    def __init__(self, relay: MailServer) -> None:
        self._relay = relay

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self._relay.attempts += 1
        if answer := self._relay.scripted("MAIL"):
            return answer
        if self._relay.login and not session.authenticated:
            return self._refuse("530 5.7.0 Authentication required", "mail without a login")
        if not valid_address(address):
            return self._refuse("553 5.1.7 The sender's address is wrong", f"the sender {address!r}")
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return OK

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if answer := self._relay.scripted("RCPT"):
            return answer
        if not valid_address(address):
            return self._refuse("553 5.1.3 The recipient's address is wrong", f"the recipient {address!r}")
        envelope.rcpt_tos.append(address)
        return OK

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if answer := self._relay.scripted("DATA"):
            return answer
        assert isinstance(envelope.content, bytes)  # a text only with `decode_data`
        if wrong := list(mistakes(envelope.content)):
            return self._refuse("554 5.6.0 The message breaks the rules", "; ".join(wrong))
        self._relay.mails.append(
            Mail(
                message=parse(envelope.content),
                sender=envelope.mail_from or "",
                recipients=tuple(envelope.rcpt_tos),
                encrypted=self._relay.security != "none",
                user=session.auth_data if session.authenticated else None,
            )
        )
        return OK

    def _refuse(self, answer: str, sentence: str) -> str:
        self._relay.refused.append(sentence)
        return answer
