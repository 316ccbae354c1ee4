"""OTLP targets, one per signal: the `OTEL_EXPORTER_OTLP_*` variables.

Source: OpenTelemetry specification, "OpenTelemetry Protocol Exporter". A signal-specific variable
(`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`) overrides the common one and is used verbatim; the common
endpoint gets `/v1/<signal>` appended. Times are milliseconds, as the specification says; the SDK's own
reader is not used because it treats them as seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeVar

from otel.config.parsing import Reader, base_url, choice, http_url, milliseconds, pairs, text
from otel.config.variables import read

Signal = Literal["traces", "metrics", "logs"]
SIGNALS: Final[tuple[Signal, ...]] = ("traces", "metrics", "logs")

_T = TypeVar("_T")
_PREFIX: Final = "OTEL_EXPORTER_OTLP"


@dataclass(frozen=True, slots=True)
class OtlpTarget:
    """One signal's endpoint: full URL, headers, timeout in seconds, `gzip` or `none`, TLS files."""

    endpoint: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 10.0
    compression: str = "none"
    certificate: str | None = None
    client_certificate: str | None = None
    client_key: str | None = field(default=None, repr=False)


def targets_from_env(environ: Mapping[str, str]) -> dict[Signal, OtlpTarget]:
    """Reads the target of every signal.

    Raises:
        ConfigError: A value is not allowed, or names a file that does not exist.
    """
    return {signal: _target(environ, signal) for signal in SIGNALS}


def _target(environ: Mapping[str, str], signal: Signal) -> OtlpTarget:
    def common(name: str, reader: Reader[_T], default: _T) -> _T:
        general = read(environ, f"{_PREFIX}_{name}", reader, default)
        return read(environ, f"{_PREFIX}_{signal.upper()}_{name}", reader, general)

    base = read(environ, f"{_PREFIX}_ENDPOINT", base_url, "http://localhost:4318")
    common("PROTOCOL", choice("http/protobuf"), "http/protobuf")
    return OtlpTarget(
        endpoint=read(environ, f"{_PREFIX}_{signal.upper()}_ENDPOINT", http_url, f"{base}/v1/{signal}"),
        headers=common("HEADERS", pairs, {}),
        timeout=common("TIMEOUT", milliseconds(), 10.0),
        compression=common("COMPRESSION", choice("gzip", "none"), "none"),
        certificate=common("CERTIFICATE", _file, None),
        client_certificate=common("CLIENT_CERTIFICATE", _file, None),
        client_key=common("CLIENT_KEY", _file, None),
    )


def _file(value: str) -> str | None:
    path = text(value)
    if not Path(path).is_file():
        raise ValueError("the path of an existing file")
    return path
