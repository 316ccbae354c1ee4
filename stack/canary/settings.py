"""The canary's settings from environment variables, checked once before it starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

PREFIX: Final = "CANARY_"
SECONDS: Final = (0.1, 3600.0)


class SettingsError(Exception):
    """Variables are missing, unknown or invalid; one line each, with the fix."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Addresses are base URLs without a trailing slash.

    Args:
        edge: OTLP/HTTP address of the Collector, without ``/v1/...``.
        token_file: its first line is the bearer token; it is read again for every item.
        prometheus: the metric store.
        loki: the log store, or None if that is VictoriaLogs.
        victorialogs: the log store, or None if that is Loki.
        victorialogs_headers: a file with its login, or None.
        traces: the trace store: Jaeger or Tempo.
        seconds: the interval from one item to the next, of each signal.
        listen: host and port where the verdict is served.
    """

    edge: str
    token_file: Path
    prometheus: str
    loki: str | None
    victorialogs: str | None
    victorialogs_headers: Path | None
    traces: str
    seconds: float
    listen: tuple[str, int]


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable and its field of Settings; required if its default is None."""

    key: str
    field: str
    meaning: str
    default: str | None
    read: Callable[[str], Any]  # raises ValueError that says what the value must be


def _url(text: str) -> str:
    if not _is_base(text):
        raise ValueError("must be an address such as http://127.0.0.1:4318")
    return text.rstrip("/")


def _is_base(text: str) -> bool:
    """Returns whether it is an http(s) address with a valid port, without credentials, query or fragment."""
    try:
        parts = urlsplit(text)
        odd = (parts.username, parts.port == 0, parts.query, parts.fragment)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not any(odd)


def _token_file(text: str) -> Path:
    path = Path(text)
    try:
        token(path)
    except OSError as error:
        raise ValueError(f"must be a readable file ({error.strerror})") from None
    return path


def _headers_file(text: str) -> Path:
    path = Path(text)
    try:
        headers(path)
    except OSError as error:
        raise ValueError(f"must be a readable file ({error.strerror})") from None
    return path


def _seconds(text: str) -> float:
    least, most = SECONDS
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not least <= value <= most:
        raise ValueError(f"must be seconds from {least:g} to {most:g}")
    return value


def _listen(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ValueError("must be host:port, such as 127.0.0.1:9099")
    return host, int(port)


def token(path: Path) -> str:
    """Returns the file's first line, which the Collector accepts as bearer token.

    Raises:
        OSError: it cannot be read.
        ValueError: that line is empty.
    """
    line = path.read_text(encoding="utf-8").partition("\n")[0].strip()
    if not line:
        raise ValueError("must be a file whose first line is the token")
    return line


def headers(path: Path | None) -> dict[str, str]:
    """Returns the header in the file's first line, such as ``Authorization: Basic ...``; none without a file.

    Raises:
        OSError: it cannot be read.
        ValueError: that line is no header.
    """
    if path is None:
        return {}
    name, colon, value = path.read_text(encoding="utf-8").partition("\n")[0].partition(":")
    if not colon or not name.strip() or not value.strip():
        raise ValueError("must be a file whose first line is a header, such as Authorization: Basic ...")
    return {name.strip(): value.strip()}


VARIABLES: Final = (
    Variable("OTEL_EXPORTER_OTLP_ENDPOINT", "edge", "the Collector's OTLP/HTTP address", None, _url),
    Variable("OTLP_TOKEN_FILE", "token_file", "file with the Collector's bearer token", None, _token_file),
    Variable("PROMETHEUS_URL", "prometheus", "where metrics must arrive", None, _url),
    Variable("LOKI_URL", "loki", "where logs must arrive, if that is Loki", "", _url),
    Variable("VICTORIALOGS_URL", "victorialogs", "where logs must arrive, if not", "", _url),
    Variable(
        "VICTORIALOGS_HEADERS_FILE",
        "victorialogs_headers",
        "file with the line `Authorization: ...`",
        "",
        _headers_file,
    ),
    Variable("TRACES_URL", "traces", "where traces must arrive: Jaeger or Tempo", None, _url),
    Variable("CANARY_SECONDS", "seconds", "seconds from one item of a signal to the next", "60", _seconds),
    Variable(
        "CANARY_LISTEN", "listen", "where the verdict is served, for Prometheus", "127.0.0.1:9099", _listen
    ),
)


def from_env(environ: Mapping[str, str]) -> Settings:
    """Reads the variables; an empty value counts as absent.

    Raises:
        SettingsError: something is missing, unknown or invalid.
    """
    known = {each.key for each in VARIABLES}
    problems = [
        f"{key} is unknown: remove it, or use one of {', '.join(sorted(known))}."
        for key in sorted(environ)
        if key.startswith(PREFIX) and key not in known
    ]
    found: dict[str, Any] = {}
    for each in VARIABLES:
        try:
            found[each.field] = _value(each, environ)
        except ValueError as error:
            problems.append(f"{each.key} ({each.meaning}) {error}.")
    if bool(environ.get("LOKI_URL")) == bool(environ.get("VICTORIALOGS_URL")):
        problems.append("LOKI_URL or VICTORIALOGS_URL (where logs must arrive): set one of them, not both.")
    if problems:
        raise SettingsError("\n".join(problems))
    return Settings(**found)


def _value(variable: Variable, environ: Mapping[str, str]) -> Any:  # noqa: ANN401 - each variable has its own type
    text = environ.get(variable.key) or variable.default
    if text is None:
        raise ValueError("is missing: set it")
    if not text:
        return None
    return variable.read(text)
