"""Hides secrets in what programs that are not ours write: errors of HTTP clients quote whole addresses."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_SHORTEST: Final = 4
"""A shorter one is no secret, and part of many words."""


class Mask:
    """Replaces the contents of these files by `<secret>`; files that cannot be read are passed over."""

    def __init__(self, files: Iterable[Path]) -> None:
        found = {text for text in map(_content, files) if len(text) >= _SHORTEST}
        escaped = {json.dumps(text)[1:-1] for text in found}
        # A secret may contain another one: an address its token.
        self._secrets = sorted(found | escaped, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Returns the text, as written or as JSON, without the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "<secret>")
        return text


def _content(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
