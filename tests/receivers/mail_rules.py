"""What makes a mail one that every relay takes and every reader shows; RFC 5321, 5322 and 2046."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses, parsedate_to_datetime
from typing import Final

ONCE: Final = ("from", "to", "subject", "date", "message-id", "mime-version", "content-type")
KNOWN: Final = {
    *ONCE,
    *("cc", "reply-to", "in-reply-to", "references", "content-transfer-encoding", "auto-submitted"),
    *("importance", "priority"),
}
LINE_OCTETS: Final = 998
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


def valid_address(address: str) -> bool:
    """Returns whether it is an address that relays accept."""
    return _ADDRESS.fullmatch(address) is not None and ".." not in address


def parse(content: bytes) -> EmailMessage:
    """Returns the message."""
    return message_from_bytes(content, _class=EmailMessage, policy=policy.default)


def mistakes(content: bytes) -> Iterator[str]:
    """Yields a sentence for each thing that is wrong with a mail."""
    message = parse(content)
    yield from _lines(content)
    yield from _headers(message)
    for part in message.walk():
        yield from (f"{part.get_content_type()}: {defect!r}" for defect in part.defects)
    yield from _bodies(message)


def _lines(content: bytes) -> Iterator[str]:
    lines = content.split(b"\r\n")
    if any(len(line) > LINE_OCTETS for line in lines):
        yield f"a line of more than {LINE_OCTETS} octets"
    if any(b"\r" in line or b"\n" in line for line in lines):
        yield "a line that ends with CR or LF alone"


def _headers(message: EmailMessage) -> Iterator[str]:
    counts = Counter(name.lower() for name in message.keys())  # noqa: SIM118 - a name for each time it occurs
    for name in ONCE:
        if counts[name] != 1:
            yield f"{counts[name]} headers {name}"
    for name in counts.keys() - KNOWN:
        if not name.startswith("x-"):
            yield f"a header {name}, which nobody here writes"
    for name in ("from", "to", "cc"):
        yield from _addresses(name, message)
    try:
        parsedate_to_datetime(str(message["date"]))
    except ValueError:
        yield f"the date {message['date']!r}"
    if not str(message["subject"] or "").strip():
        yield "an empty subject"


def _addresses(name: str, message: EmailMessage) -> Iterator[str]:
    for _, address in getaddresses([str(each) for each in message.get_all(name, [])]):
        if not valid_address(address):
            yield f"{name}: {address!r} is no address"


def _bodies(message: EmailMessage) -> Iterator[str]:
    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        if part is None:
            yield f"no text/{kind}"
        elif not str(part.get_content()).strip():
            yield f"an empty text/{kind}"
