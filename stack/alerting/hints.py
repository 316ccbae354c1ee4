"""What to do about a channel's refusal, by what Alertmanager logs of it."""

from __future__ import annotations

import re
from typing import Final

_STATUS: Final = r"(?:code |\()"
# The first pattern that matches is used.
_HINTS: Final = {
    r"\b535\b|auth: ": (
        "the relay does not accept the login: check STACK_MAIL_USER and STACK_MAIL_PASSWORD; many "
        "providers want a password made for the application"
    ),
    r"command: 55[0-4]\b": (
        "the relay refuses the sender or a recipient: it must be allowed to send as STACK_MAIL_FROM, and "
        "know STACK_MAIL_TO"
    ),
    r"command: 4[0-9][0-9]\b": (
        "the relay refuses for now (greylisting, a limit): Alertmanager tries again; wait some minutes"
    ),
    r"does not advertise the STARTTLS": (
        "the relay offers no STARTTLS at this port: check the port in STACK_MAIL_SMARTHOST, or set "
        "STACK_MAIL_TLS"
    ),
    r"first record does not look like a TLS|tls: handshake": (
        "the port does not speak TLS at once: STACK_MAIL_TLS=starttls is for port 587, implicit for 465"
    ),
    r"x509|certificate": (
        "the certificate is not trusted: check the host's name; for a CA of your own set STACK_MAIL_CA_FILE"
    ),
    r"no such host|server misbehaving": (
        "the name does not exist in the DNS, or this machine cannot ask it: check the host's name"
    ),
    r"connection refused": (
        "nothing listens at this address: check host and port; the platform's own webhook needs the stack"
        " to run (make up)"
    ),
    r"timeout|deadline exceeded": (
        "no answer in time: a firewall may drop the connection; try from this machine with curl or "
        "openssl s_client"
    ),
    rf"{_STATUS}401\b|invalid_auth|not_authed|token_revoked": (
        "the token or key is wrong or was revoked: make a new one"
    ),
    rf"{_STATUS}403\b|not_in_channel|restricted|bot was kicked": (
        "the token is valid but may not do this: invite the app or bot to the channel, or give it the "
        "right to write"
    ),
    rf"{_STATUS}404\b|channel_not_found|chat not found|is_archived": (
        "the address, channel or chat does not exist any more: copy it again from the service"
    ),
    rf"{_STATUS}429\b|rate_?limited": "too many messages in a short time: wait a minute and try again",
    rf"{_STATUS}400\b|invalid_": (
        "the service does not accept the content: check key, chat or channel; if they are right, a "
        "template is wrong"
    ),
    rf"{_STATUS}5[0-9][0-9]\b": "the service is out of order: Alertmanager tries again; see its status page",
}


def hint(error: str) -> str:
    """Returns what to do about an error, or an empty text if nothing is known."""
    return next((text for pattern, text in _HINTS.items() if re.search(pattern, error)), "")
