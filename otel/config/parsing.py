"""Types of settings: how text becomes a value and what is allowed. What is no text stays as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, WrapValidator

_BROKEN_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_MOST: Final = 1_000_000_000


def from_text(read: Callable[[str], object]) -> BeforeValidator:
    """Returns a validator that passes text through `read`, which raises ValueError with what it must be."""
    return BeforeValidator(lambda value: read(value) if isinstance(value, str) else value)


def milliseconds(minimum: int = 1) -> BeforeValidator:
    """A whole number of milliseconds becomes seconds."""

    def read(value: str) -> float:
        if not re.fullmatch(r"\s*[0-9]{1,10}\s*", value) or not minimum <= int(value) <= _MOST:
            raise ValueError(f"must be a whole number from {minimum} to {_MOST}, in milliseconds")
        return int(value) / 1000

    return from_text(read)


def names(value: str) -> tuple[str, ...]:
    """Names separated by commas; empty ones and repetitions are skipped."""
    return tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))


def pairs(value: str) -> dict[str, str]:
    """`key=value` pairs separated by commas, values percent-encoded (W3C Baggage)."""
    return dict(_split(value))


def attributes(value: str) -> dict[str, str]:
    """`key=value` pairs separated by commas, both percent-encoded (specification, "Resource SDK")."""
    return {_decoded(key): decoded for key, decoded in _split(value)}


def _split(value: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for part in value.split(","):
        key, equals, content = (each.strip() for each in part.partition("="))
        if part.strip() and not (equals and key):
            raise ValueError("must be key=value pairs separated by commas, values percent-encoded")
        if key:
            found.append((key, _decoded(content)))
    return found


def _decoded(text: str) -> str:
    if _BROKEN_PERCENT.search(text):
        raise ValueError("must be percent-encoded text, with %25 for a percent sign")
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("must be percent-encoded UTF-8") from None


def _true_or_false(value: str) -> bool:
    """The specification forbids other spellings."""
    word = value.strip().lower()
    if word not in {"true", "false"}:
        raise ValueError("must be true or false")
    return word == "true"


def _http_url(value: str) -> str:
    if _web_address(value) is None:
        raise ValueError("must be an absolute URL such as http://127.0.0.1:4318, with a port from 1 to 65535")
    return value


def _sentry_dsn(value: str) -> str:
    parts = _web_address(value)
    complete = parts is not None and parts.username and parts.path.rpartition("/")[2].isdigit()
    if value and not complete:
        raise ValueError("must be a DSN such as https://key@errors.example.org/1")
    return value


def _web_address(url: str) -> SplitResult | None:
    """Splits an http or https URL; returns None if it has no host or an impossible port."""
    try:
        parts = urlsplit(url)
        possible = parts.hostname and parts.port != 0  # reading a port over 65535 raises
    except ValueError:
        return None
    return parts if parts.scheme in {"http", "https"} and possible else None


# Attributes that the program sets may be of any type: they become text with the resource.
def _attributes(value: Any, check: Callable[[object], Mapping[str, str]]) -> Mapping[str, str]:  # noqa: ANN401 - any
    return check(attributes(value)) if isinstance(value, str) else value


WORD: Final = from_text(lambda value: value.strip().lower())
# Python's own spellings of whole numbers, such as 1_000 and 2.0, are no numbers in an environment.
DIGITS: Final = from_text(lambda value: value if re.fullmatch(r"\s*[0-9]+\s*", value) else "")
WORDS: Final = from_text(lambda value: names(value.lower()))

Milliseconds = Annotated[float, milliseconds()]
Switch = Annotated[bool, WORD]
TrueOrFalse = Annotated[bool, from_text(_true_or_false)]
Level = Annotated[Literal["debug", "info", "warning", "error", "critical"], WORD]
Levels = Annotated[Mapping[str, Level], from_text(pairs)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, DIGITS, Field(ge=1, le=_MOST)]
Count = Annotated[int, DIGITS, Field(ge=0, le=_MOST)]
Limit = Annotated[int | None, DIGITS, Field(ge=0, le=_MOST)]
Names = Annotated[tuple[str, ...], from_text(names)]
Pairs = Annotated[Mapping[str, str], from_text(pairs)]
Attributes = Annotated[Mapping[str, str], WrapValidator(_attributes)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
SentryDsn = Annotated[str, AfterValidator(_sentry_dsn)]
