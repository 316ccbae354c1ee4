"""All settings of the telemetry, read once from the environment and frozen.

`OTEL_*` variables mean what the OpenTelemetry specification says, `SENTRY_*` what sentry-sdk says; ours
start with `TELEMETRY_`. Each field is declared with its key, its reader and its sentence: the reader's
refusal, `.env.example` and the documentation come from there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, Final

from otel.otlp import ConfigError, OtlpTarget, Signal, read, targets_from_env
from otel.parsing import choice, levels, milliseconds, names, number, pairs, sentry_dsn, switch, text, whole

PREFIX: Final = "TELEMETRY_"
_SAMPLERS: Final = (
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
    "always_on",
    "always_off",
    "traceidratio",
)
_EXPORTERS: Final = choice("otlp", "console", "none")
_LEVEL: Final = choice("debug", "info", "warning", "error", "critical")


def _one_of_all(*allowed: str) -> Callable[[str], tuple[str, ...]]:
    """Names separated by commas, each one of `allowed`."""
    read_one = choice(*allowed)
    return lambda value: tuple(read_one(name) for name in names(value))


def _setting(
    key: str, reader: Callable[[str], object], default: str, sentence: str, *, secret: bool = False
) -> Any:  # noqa: ANN401 - dataclasses.field is typed so
    """A field read from `key`; `default` is written as in the environment, so both are read alike."""
    metadata = {"key": key, "reader": reader, "default": default, "sentence": sentence}
    return field(default_factory=lambda: reader(default), metadata=metadata, repr=not secret)


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable as the documentation and `.env.example` show it; `secret` values are never printed."""

    key: str
    default: str
    sentence: str
    secret: bool = False


@dataclass(frozen=True, kw_only=True)
class TelemetryConfig:
    """The settings; times are seconds. `from_env` reads them, the constructor takes them directly."""

    disabled: bool = _setting("OTEL_SDK_DISABLED", switch, "off", "switches all telemetry but the log off")
    service_name: str = _setting("OTEL_SERVICE_NAME", text, "", "the service's name")
    resource_attributes: Mapping[str, str] = _setting(
        "OTEL_RESOURCE_ATTRIBUTES", pairs, "", "more about the service, such as deployment.environment.name"
    )
    traces_exporter: str = _setting("OTEL_TRACES_EXPORTER", _EXPORTERS, "otlp", "otlp, console or none")
    metrics_exporter: str = _setting("OTEL_METRICS_EXPORTER", _EXPORTERS, "otlp", "otlp, console or none")
    logs_exporter: str = _setting("OTEL_LOGS_EXPORTER", _EXPORTERS, "otlp", "otlp, console or none")
    metric_export_interval: float = _setting(
        "OTEL_METRIC_EXPORT_INTERVAL", milliseconds(100), "60000", "milliseconds between two metric exports"
    )
    metrics_temporality: str = _setting(
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        choice("cumulative"),
        "cumulative",
        "only cumulative, which Prometheus needs",
    )
    exemplar_filter: str = _setting(
        "OTEL_METRICS_EXEMPLAR_FILTER",
        choice("trace_based", "always_off"),
        "trace_based",
        "exemplars of sampled traces, or none",
    )
    span_queue_size: int = _setting(
        "OTEL_BSP_MAX_QUEUE_SIZE", whole(1), "2048", "spans kept in memory at most"
    )
    span_batch_size: int = _setting("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", whole(1), "512", "spans per request")
    span_delay: float = _setting(
        "OTEL_BSP_SCHEDULE_DELAY", milliseconds(), "5000", "milliseconds between exports"
    )
    log_queue_size: int = _setting("OTEL_BLRP_MAX_QUEUE_SIZE", whole(1), "2048", "log records kept at most")
    log_batch_size: int = _setting("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", whole(1), "512", "records per request")
    log_delay: float = _setting(
        "OTEL_BLRP_SCHEDULE_DELAY", milliseconds(), "1000", "milliseconds between exports"
    )
    sampler: str = _setting("OTEL_TRACES_SAMPLER", choice(*_SAMPLERS), _SAMPLERS[0], ", ".join(_SAMPLERS))
    sampler_ratio: float = _setting("OTEL_TRACES_SAMPLER_ARG", number(0, 1), "1", "share of traces, 0 to 1")
    propagators: tuple[str, ...] = _setting(
        "OTEL_PROPAGATORS",
        _one_of_all("tracecontext", "baggage", "none"),
        "tracecontext,baggage",
        "tracecontext, baggage or none",
    )
    sentry_dsn: str = _setting("SENTRY_DSN", sentry_dsn, "", "where errors go; empty sends none", secret=True)
    sentry_environment: str = _setting("SENTRY_ENVIRONMENT", text, "", "default: deployment.environment.name")
    sentry_release: str = _setting("SENTRY_RELEASE", text, "", "default: service.version")
    sentry_sample_rate: float = _setting(
        "SENTRY_SAMPLE_RATE", number(0, 1), "1", "share of errors sent, 0 to 1"
    )
    log_level: str = _setting("TELEMETRY_LOG_LEVEL", _LEVEL, "info", "lowest level that is logged")
    log_levels: Mapping[str, str] = _setting(
        "TELEMETRY_LOG_LEVELS", levels, "", "levels of single loggers, such as uvicorn=warning,otel=debug"
    )
    log_format: str = _setting(
        "TELEMETRY_LOG_FORMAT", choice("auto", "json", "pretty"), "auto", "auto is pretty on a terminal"
    )
    log_burst: int = _setting(
        "TELEMETRY_LOG_BURST",
        whole(0),
        "50",
        "records of one message per burst window, then one count; 0: no limit",
    )
    log_burst_seconds: float = _setting("TELEMETRY_LOG_BURST_SECONDS", number(0.1), "10", "the burst window")
    prometheus: bool = _setting(
        "TELEMETRY_PROMETHEUS", switch, "on", "lets the process show its metrics as text"
    )
    runtime_metrics: bool = _setting(
        "TELEMETRY_RUNTIME_METRICS", switch, "on", "process, system and loop metrics"
    )
    slow_query_ms: float = _setting(
        "TELEMETRY_SLOW_QUERY_MS", number(0), "100", "a database call that takes longer is logged"
    )
    excluded_routes: tuple[str, ...] = _setting(
        "TELEMETRY_EXCLUDED_ROUTES", names, "/livez,/readyz", "paths without span and access log"
    )
    redact_keys: tuple[str, ...] = _setting(
        "TELEMETRY_REDACT_KEYS", names, "", "further key names whose values never leave, separated by commas"
    )
    shutdown_seconds: float = _setting(
        "TELEMETRY_SHUTDOWN_SECONDS", number(0.1, 60), "5", "the longest that the end of the process may take"
    )
    otlp: Mapping[Signal, OtlpTarget] = field(default_factory=lambda: targets_from_env({}))

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> TelemetryConfig:
        """Reads every setting from `environ` (default: the process environment); empty means not set.

        Raises:
            ConfigError: A value is not allowed, a `TELEMETRY_` key is unknown, or OTEL_CONFIG_FILE is set.
        """
        environ = os.environ if environ is None else environ
        _refuse_unknown(environ)
        defaults = cls()
        values = {
            each.name: read(
                environ, each.metadata["key"], each.metadata["reader"], getattr(defaults, each.name)
            )
            for each in fields(cls)
            if "key" in each.metadata
        }
        return cls(**values, otlp=targets_from_env(environ))

    def exporter(self, signal: Signal) -> str:
        """Returns `otlp`, `console` or `none` for a signal."""
        return str(getattr(self, f"{signal}_exporter"))

    @property
    def environment(self) -> str:
        """`deployment.environment.name` of the resource, or an empty text."""
        attributes = self.resource_attributes
        return attributes.get("deployment.environment.name") or attributes.get("deployment.environment", "")

    @property
    def service_version(self) -> str:
        """`service.version` of the resource, or an empty text."""
        return self.resource_attributes.get("service.version", "")


def settings() -> list[Setting]:
    """Lists every variable that is read, in the order of declaration."""
    listed = [
        Setting(
            each.metadata["key"],
            each.metadata["default"],
            each.metadata["sentence"],
            not each.repr,
        )
        for each in fields(TelemetryConfig)
        if "key" in each.metadata
    ]
    prefix = "OTEL_EXPORTER_OTLP_"
    return [
        *listed,
        Setting(
            f"{prefix}ENDPOINT",
            "http://localhost:4318",
            "the collector's base URL; _TRACES_, _METRICS_, _LOGS_ variants win",
        ),
        Setting(f"{prefix}HEADERS", "", "key=value pairs sent with every export", secret=True),
        Setting(f"{prefix}TIMEOUT", "10000", "milliseconds for one export with its retries"),
        Setting(f"{prefix}COMPRESSION", "none", "gzip or none"),
        Setting(f"{prefix}CERTIFICATE", "", "path of the collector's CA certificate"),
    ]


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    if environ.get("OTEL_CONFIG_FILE"):
        raise ConfigError(
            "OTEL_CONFIG_FILE", environ["OTEL_CONFIG_FILE"], "no configuration file: set OTEL_* variables"
        )
    known = {each.metadata["key"] for each in fields(TelemetryConfig) if "key" in each.metadata}
    for key in sorted(environ):
        if key.startswith(PREFIX) and key not in known:
            nearest = get_close_matches(key, known, n=1, cutoff=0.0)
            raise ConfigError(key, environ[key], f"a known key; the nearest is {nearest[0]}")


__all__ = ["ConfigError", "OtlpTarget", "Setting", "Signal", "TelemetryConfig", "settings"]
