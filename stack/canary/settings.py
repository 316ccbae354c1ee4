"""The canary's settings from environment variables, checked once before it starts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from otel import EnvSettings


def _base(value: str) -> str:
    """Removes a trailing slash; rejects a login, which would be shown in logs, a query and a fragment."""
    with suppress(ValueError):  # of a port that is impossible
        parts = urlsplit(value)
        odd = (parts.username, parts.port == 0, parts.query, parts.fragment)
        if parts.scheme in {"http", "https"} and parts.hostname and not any(odd):
            return value.rstrip("/")
    raise ValueError("must be an address such as http://127.0.0.1:3100, without a login or a query")


def host_and_port(value: object) -> tuple[str, int]:
    """Returns host and port of an address to listen on.

    Raises:
        ValueError: it is none.
    """
    host, _, port = str(value).rpartition(":")
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


def _readable(read: Callable[[Path], object]) -> AfterValidator:
    """Requires a file that ``read`` accepts."""

    def check(path: Path) -> Path:
        try:
            read(path)
        except OSError as error:
            raise ValueError(f"must be a readable file ({error.strerror})") from None
        return path

    return AfterValidator(check)


BaseUrl = Annotated[str, AfterValidator(_base)]
HeadersFile = Annotated[Path, _readable(headers)]
_LOGIN: Final = "file with the line `Authorization: ...`"


class Settings(EnvSettings):
    """Addresses are base URLs without a trailing slash; the log store is Loki or VictoriaLogs."""

    prefix = "CANARY_"
    remedy = "set it (`python -m stack.canary --help` says to what)"

    edge: BaseUrl = Field(
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT", description="the Collector's OTLP/HTTP address"
    )
    token_file: Annotated[Path, _readable(token)] = Field(
        validation_alias="OTLP_TOKEN_FILE",
        description="file with the Collector's bearer token, read for every item",
    )
    prometheus: BaseUrl = Field(validation_alias="PROMETHEUS_URL", description="where metrics must arrive")
    prometheus_headers: HeadersFile | None = Field(
        None, validation_alias="PROMETHEUS_HEADERS_FILE", description=_LOGIN
    )
    loki: BaseUrl | None = Field(
        None, validation_alias="LOKI_URL", description="where logs must arrive, if that is Loki"
    )
    victorialogs: BaseUrl | None = Field(
        None, validation_alias="VICTORIALOGS_URL", description="where logs must arrive, if not"
    )
    victorialogs_headers: HeadersFile | None = Field(
        None, validation_alias="VICTORIALOGS_HEADERS_FILE", description=_LOGIN
    )
    traces: BaseUrl = Field(
        validation_alias="TRACES_URL", description="where traces must arrive: Jaeger or Tempo"
    )
    traces_headers: HeadersFile | None = Field(
        None, validation_alias="TRACES_HEADERS_FILE", description=_LOGIN
    )
    seconds: float = Field(
        60,
        ge=0.1,
        le=3600,
        validation_alias="CANARY_SECONDS",
        description="seconds from one item of a signal to the next",
    )
    listen: Annotated[tuple[str, int], BeforeValidator(host_and_port)] = Field(
        "127.0.0.1:9099",
        validate_default=True,
        validation_alias="CANARY_LISTEN",
        description="where the verdict is served, for Prometheus",
    )

    @model_validator(mode="after")
    def _has_one_log_store(self) -> Self:
        if (self.loki is None) == (self.victorialogs is None):
            raise ValueError(
                "LOKI_URL or VICTORIALOGS_URL (where logs must arrive): set one of them, not both."
            )
        return self
