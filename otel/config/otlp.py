"""OTLP targets, one per signal: the `OTEL_EXPORTER_OTLP_*` variables.

Source: OpenTelemetry specification, "OpenTelemetry Protocol Exporter". A signal-specific variable
(`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`) overrides the common one and is used verbatim; the common
endpoint gets `/v1/<signal>` appended. Times are milliseconds, as the specification says; the SDK's own
reader is not used because it treats them as seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AliasChoices, AliasGenerator
from pydantic_settings import SettingsConfigDict

from otel.config.env_settings import EnvSettings, setting
from otel.config.parsing import WORD, HttpUrl, Milliseconds, Pairs

Signal = Literal["traces", "metrics", "logs"]
_PREFIX: Final = "OTEL_EXPORTER_OTLP_"


def _file(path: str) -> str:
    if not Path(path).is_file():
        raise ValueError("must be the path of an existing file")
    return path


_File = Annotated[str, AfterValidator(_file)]


class OtlpTarget(EnvSettings):
    """One signal's endpoint: full URL, headers, timeout in seconds, `gzip` or `none`, TLS files."""

    model_config = SettingsConfigDict(
        alias_generator=lambda name: _PREFIX + name.upper(), str_strip_whitespace=True
    )
    shows_values = True

    endpoint: HttpUrl = setting(
        None,
        "http://localhost:4318",
        "the collector's base URL; OTLP_TRACES_, _METRICS_ and _LOGS_ variants override each of these",
    )
    protocol: Annotated[Literal["http/protobuf"], WORD] = setting(None, "http/protobuf", "only http/protobuf")
    headers: Pairs = setting(None, "", "key=value pairs sent with every export", secret=True)
    timeout: Milliseconds = setting(None, "10000", "milliseconds for one export, retries included")
    compression: Annotated[Literal["gzip", "none"], WORD] = setting(None, "none", "gzip or none")
    certificate: _File | None = setting(None, None, "path of the collector's CA certificate")
    client_certificate: _File | None = setting(
        None, None, "path of our certificate, if the collector requires one"
    )
    client_key: _File | None = setting(None, None, "path of our certificate's private key")


def _of(signal: str) -> AliasGenerator:
    return AliasGenerator(
        validation_alias=lambda name: AliasChoices(
            f"{_PREFIX}{signal}_{name.upper()}", f"{_PREFIX}{name.upper()}"
        )
    )


class _Traces(OtlpTarget):
    model_config = SettingsConfigDict(alias_generator=_of("TRACES"))


class _Metrics(OtlpTarget):
    model_config = SettingsConfigDict(alias_generator=_of("METRICS"))


class _Logs(OtlpTarget):
    model_config = SettingsConfigDict(alias_generator=_of("LOGS"))


_TARGETS: Final[Mapping[Signal, type[OtlpTarget]]] = {"traces": _Traces, "metrics": _Metrics, "logs": _Logs}
SIGNALS: Final = tuple(_TARGETS)


def targets_from_env(environ: Mapping[str, str]) -> dict[Signal, OtlpTarget]:
    """Reads the target of every signal.

    Raises:
        ConfigError: A value is not allowed, or names a file that does not exist.
    """
    base = OtlpTarget.from_env(environ).endpoint.rstrip("/")
    found: dict[Signal, OtlpTarget] = {}
    for signal, target in _TARGETS.items():
        key = f"{_PREFIX}{signal.upper()}_ENDPOINT"
        own = environ.get(key, "").strip() or f"{base}/v1/{signal}"
        found[signal] = target.from_env({**environ, key: own})
    return found
