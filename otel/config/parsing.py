"""Parsers for setting values: each returns the typed value or raises `ValueError` naming what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

T = TypeVar("T")
Reader = Callable[[str], T]

_BROKEN_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_TRUE, _FALSE = {"true", "on", "1", "yes"}, {"false", "off", "0", "no"}


def text(value: str) -> str:
    """Any text, stripped of surrounding spaces."""
    return value.strip()


def switch(value: str) -> bool:
    """`on` or `off` (also true/false, yes/no, 1/0)."""
    word = value.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("on or off")
    return word in _TRUE


def true_or_false(value: str) -> bool:
    """`true` or `false` in any case: the specification forbids other spellings."""
    word = value.strip().lower()
    if word not in {"true", "false"}:
        raise ValueError("true or false")
    return word == "true"


def choice(*allowed: str) -> Reader[str]:
    """One of `allowed`, in any case."""

    def read(value: str) -> str:
        word = value.strip().lower()
        if word not in allowed:
            raise ValueError(f"one of {', '.join(allowed)}")
        return word

    return read


def whole(minimum: int, maximum: int = 1_000_000_000) -> Reader[int]:
    """A whole number between the two bounds, inclusive."""

    def read(value: str) -> int:
        if not re.fullmatch(r"\s*[0-9]{1,10}\s*", value) or not minimum <= int(value) <= maximum:
            raise ValueError(f"a whole number from {minimum} to {maximum}")
        return int(value)

    return read


def at_least_zero_or_none(value: str) -> int | None:
    """A whole number, zero included; empty means no limit."""
    return whole(0)(value) if value.strip() else None


def number(minimum: float, maximum: float = 1e9) -> Reader[float]:
    """A decimal number between the two bounds, inclusive."""

    def read(value: str) -> float:
        allowed = f"a number from {minimum:g} to {maximum:g}"
        try:
            parsed = float(value)
        except ValueError:
            raise ValueError(allowed) from None
        if not minimum <= parsed <= maximum:
            raise ValueError(allowed)
        return parsed

    return read


def milliseconds(minimum: int = 1) -> Reader[float]:
    """A whole number of milliseconds, returned in seconds."""
    read_whole = whole(minimum)
    return lambda value: read_whole(value) / 1000


def names(value: str) -> tuple[str, ...]:
    """Names separated by commas; empty ones are skipped."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def pairs(value: str) -> dict[str, str]:
    """`key=value` pairs separated by commas, values percent-encoded (W3C Baggage)."""
    return dict(_split(value))


def attributes(value: str) -> dict[str, str]:
    """`key=value` pairs separated by commas, both percent-encoded (specification, "Resource SDK")."""
    return {_decoded(key): decoded for key, decoded in _split(value)}


def _split(value: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for part in names(value):
        key, equals, content = part.partition("=")
        if not equals or not key.strip():
            raise ValueError("key=value pairs separated by commas, values percent-encoded")
        found.append((key.strip(), _decoded(content.strip())))
    return found


def _decoded(text: str) -> str:
    if _BROKEN_PERCENT.search(text):
        raise ValueError("percent-encoded text, with %25 for a percent sign")
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("percent-encoded UTF-8") from None


def levels(value: str) -> dict[str, str]:
    """`logger=level` pairs separated by commas."""
    read = choice("debug", "info", "warning", "error", "critical")
    return {logger: read(level) for logger, level in pairs(value).items()}


def http_url(value: str) -> str:
    """An absolute http or https URL, unchanged; its port, if any, is from 1 to 65535."""
    url = value.strip()
    if _web_address(url) is None:
        raise ValueError("an absolute URL such as http://127.0.0.1:4318, with a port from 1 to 65535")
    return url


def base_url(value: str) -> str:
    """An absolute http or https URL that paths are appended to, without a trailing slash."""
    return http_url(value).rstrip("/")


def sentry_dsn(value: str) -> str:
    """A Sentry DSN: URL with a public key and a project number; empty for none."""
    dsn = value.strip()
    parts = _web_address(dsn)
    complete = parts is not None and parts.username and parts.path.rpartition("/")[2].isdigit()
    if dsn and not complete:
        raise ValueError("a DSN such as https://key@errors.example.org/1")
    return dsn


def _web_address(url: str) -> SplitResult | None:
    """Splits an http or https URL; returns None if it has no host or an impossible port."""
    try:
        parts = urlsplit(url)
        possible = parts.hostname and parts.port != 0  # reading a port over 65535 raises
    except ValueError:
        return None
    return parts if parts.scheme in {"http", "https"} and possible else None
