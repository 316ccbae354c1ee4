"""Reads and writes `.env` without ever showing a value, because it holds secrets."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from dotenv.parser import parse_stream

from stack.settings import SettingsError

OWNER_ONLY = 0o600


def read(path: Path) -> dict[str, str]:
    """Returns the keys and values of a `.env` file; nothing in a value is expanded.

    Raises:
        SettingsError: the file cannot be read, or a line is not KEY=value, or a key is given twice; the
            message names the line, never the value.
    """
    values: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8") as stream:
            bindings = list(parse_stream(stream))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from None
    for binding in bindings:
        line = binding.original.line
        if binding.error:
            raise SettingsError(f"{path}, line {line}: this is not KEY=value (a quote left open?)")
        if binding.key is None:
            continue
        if binding.value is None:
            raise SettingsError(f"{path}, line {line}: {binding.key} has no `=`; write {binding.key}=value")
        if binding.key in values:
            raise SettingsError(
                f"{path}, line {line}: {binding.key} is given a second time; delete one of the lines"
            )
        values[binding.key] = binding.value
    return values


def peek(path: Path, key: str) -> str | None:
    """Returns one value of a `.env` file, or None, whatever else is wrong in it."""
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            found = [binding.value for binding in parse_stream(stream) if binding.key == key]
    except OSError:
        return None
    return found[-1] if found else None


def write_private(path: Path, text: str) -> None:
    """Writes ``text`` to ``path`` atomically, readable by its owner only."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def append(path: Path, values: Mapping[str, str]) -> None:
    """Appends lines to ``path`` and keeps every existing line."""
    text = path.read_text(encoding="utf-8")
    separator = "" if text.endswith("\n") or not text else "\n"
    lines = "".join(f"{key}={value}\n" for key, value in values.items())
    write_private(path, text + separator + lines)


def readable_by_others(path: Path) -> bool:
    """Returns whether anyone but the owner may read ``path``."""
    return bool(path.stat().st_mode & 0o077)
