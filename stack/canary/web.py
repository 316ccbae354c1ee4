"""Sends one HTTP request: no proxy, no redirect, so that a bearer token goes only where it was meant to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

SECONDS: Final = 5.0
# A store's answer is a few lines; the bound keeps any other from filling the memory.
LARGEST: Final = 1024 * 1024


class UnansweredError(Exception):
    """There was no usable answer; the message names the server and the reason in one line."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; ``body`` is cut at 1 MiB."""

    status: int
    body: bytes

    @property
    def well(self) -> bool:
        """Whether the status is a 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 - RFC 9110, 15.3

    def text(self) -> str:
        """Returns the beginning of the body as one line."""
        return " ".join(self.body[:200].decode(errors="replace").split())


def request(
    method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """Sends one request and returns the answer, whatever its status.

    Raises:
        UnansweredError: the connection failed, or the server fell silent for five seconds.
    """
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=SECONDS)
    try:
        connection.request(
            method, f"{parts.path or '/'}{parts.query and '?'}{parts.query}", body, dict(headers or {})
        )
        received = connection.getresponse()
        return Answer(received.status, received.read(LARGEST))
    except (OSError, HTTPException) as error:
        raise UnansweredError(
            f"{parts.netloc} does not answer ({str(error) or type(error).__name__})"
        ) from None
    finally:
        connection.close()
