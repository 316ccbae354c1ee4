"""Base64 for URLs without padding (RFC 4648, 5), as in tokens, keys and cursors."""

from __future__ import annotations

import base64


def encoded(raw: bytes) -> str:
    """Returns ``raw`` as text."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Returns what ``text`` stands for; padding may be missing.

    Raises:
        ValueError: It is not base64.
    """
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
