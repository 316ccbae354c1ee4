"""String identifiers that are readable in a URL, a log line and the database."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Container

from otel import redact

MAX_SLUG_LENGTH = 60
SLUG_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"


def new_id(prefix: str) -> str:
    """Returns a new unguessable identifier such as ``usr_1f…``, with 80 random bits."""
    return f"{prefix}_{secrets.token_hex(10)}"


def slug(title: str) -> str:
    """Returns ``title`` as lower-case ASCII words joined by hyphens; ``untitled`` if nothing is left.

    An email address or account number in it becomes ``redacted``: identifiers appear in URLs and telemetry.
    """
    plain = unicodedata.normalize("NFKD", redact(title)).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:MAX_SLUG_LENGTH].strip("-")
    return words or "untitled"


def unused_slug(title: str, taken: Container[str]) -> str:
    """Returns the slug of ``title``, numbered from 2 if it is in ``taken``."""
    wanted = slug(title)
    candidate, number = wanted, 1
    while candidate in taken:
        number += 1
        candidate = f"{wanted}-{number}"
    return candidate
