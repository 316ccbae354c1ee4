"""All telemetry settings, read once from the environment and frozen.

`OTEL_*` variables follow the OpenTelemetry specification, `SENTRY_*` those of sentry-sdk; ours start with
`TELEMETRY_`. Each field declares its key, reader and description: error messages, `.env.example` and
the documentation are made from them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from otel.config.limits import Limits
from otel.config.otlp import OtlpTarget, Signal, targets_from_env
from otel.config.parsing import (
    attributes,
    choice,
    levels,
    milliseconds,
    names,
    number,
    sentry_dsn,
    switch,
    text,
    true_or_false,
    whole,
)
from otel.config.trust import Trust, trust
from otel.config.variables import ConfigError, Setting, listed, read_all, setting

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
    return lambda value: tuple(dict.fromkeys(read_one(name) for name in names(value)))


@dataclass(frozen=True, kw_only=True)
class TelemetryConfig:
    """The settings; times are in seconds. `from_env` reads them, the constructor takes them directly."""

    disabled: bool = setting(
        "OTEL_SDK_DISABLED", true_or_false, "false", "true: no telemetry except logs on stdout"
    )
    service_name: str = setting("OTEL_SERVICE_NAME", text, "", "the service's name")
    resource_attributes: Mapping[str, str] = setting(
        "OTEL_RESOURCE_ATTRIBUTES",
        attributes,
        "",
        "further resource attributes: deployment.environment.name, ...",
    )
    traces_exporter: str = setting("OTEL_TRACES_EXPORTER", _EXPORTERS, "otlp", "otlp, console or none")
    metrics_exporter: str = setting("OTEL_METRICS_EXPORTER", _EXPORTERS, "otlp", "otlp, console or none")
    logs_exporter: str = setting("OTEL_LOGS_EXPORTER", _EXPORTERS, "otlp", "otlp, console or none")
    metric_export_interval: float = setting(
        "OTEL_METRIC_EXPORT_INTERVAL", milliseconds(100), "60000", "milliseconds between two metric exports"
    )
    metric_export_timeout: float = setting(
        "OTEL_METRIC_EXPORT_TIMEOUT", milliseconds(), "30000", "milliseconds for one metric export"
    )
    histogram_aggregation: str = setting(
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        choice("explicit_bucket_histogram"),
        "explicit_bucket_histogram",
        "only explicit buckets, as each histogram declares them",
    )
    metrics_temporality: str = setting(
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        choice("cumulative"),
        "cumulative",
        "only cumulative, as Prometheus requires",
    )
    exemplar_filter: str = setting(
        "OTEL_METRICS_EXEMPLAR_FILTER",
        choice("trace_based", "always_off"),
        "trace_based",
        "trace_based: exemplars from sampled traces; always_off: none",
    )
    span_queue_size: int = setting(
        "OTEL_BSP_MAX_QUEUE_SIZE", whole(1), "2048", "maximum spans queued in memory"
    )
    span_batch_size: int = setting("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", whole(1), "512", "spans per request")
    span_delay: float = setting(
        "OTEL_BSP_SCHEDULE_DELAY", milliseconds(), "5000", "milliseconds between exports"
    )
    span_export_timeout: float = setting(
        "OTEL_BSP_EXPORT_TIMEOUT", milliseconds(), "30000", "milliseconds for one export"
    )
    log_queue_size: int = setting("OTEL_BLRP_MAX_QUEUE_SIZE", whole(1), "2048", "maximum records queued")
    log_batch_size: int = setting("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", whole(1), "512", "records per request")
    log_delay: float = setting(
        "OTEL_BLRP_SCHEDULE_DELAY", milliseconds(), "1000", "milliseconds between exports"
    )
    log_export_timeout: float = setting(
        "OTEL_BLRP_EXPORT_TIMEOUT", milliseconds(), "30000", "milliseconds for one export"
    )
    sampler: str = setting("OTEL_TRACES_SAMPLER", choice(*_SAMPLERS), _SAMPLERS[0], ", ".join(_SAMPLERS))
    sampler_ratio: float = setting("OTEL_TRACES_SAMPLER_ARG", number(0, 1), "1", "share of traces, 0 to 1")
    propagators: tuple[str, ...] = setting(
        "OTEL_PROPAGATORS",
        _one_of_all("tracecontext", "baggage", "none"),
        "tracecontext,baggage",
        "tracecontext, baggage or none",
    )
    trust_remote_context: Trust = setting(  # noqa: RUF009 - a field like the others
        "TELEMETRY_TRUST_REMOTE_CONTEXT",
        trust,
        "always",
        "whose trace context and baggage to accept: always, never, or peer networks (10.0.0.0/8,...)",
    )
    sentry_dsn: str = setting("SENTRY_DSN", sentry_dsn, "", "where errors go; empty sends none", secret=True)
    sentry_environment: str = setting("SENTRY_ENVIRONMENT", text, "", "default: deployment.environment.name")
    sentry_release: str = setting("SENTRY_RELEASE", text, "", "default: service.version")
    sentry_sample_rate: float = setting(
        "SENTRY_SAMPLE_RATE", number(0, 1), "1", "share of errors sent, 0 to 1"
    )
    log_level: str = setting("TELEMETRY_LOG_LEVEL", _LEVEL, "info", "lowest level logged")
    log_levels: Mapping[str, str] = setting(
        "TELEMETRY_LOG_LEVELS", levels, "", "levels of individual loggers, such as uvicorn=warning,otel=debug"
    )
    sdk_log_level: str = setting("OTEL_LOG_LEVEL", _LEVEL, "info", "lowest level of the SDK's own logs")
    log_format: str = setting(
        "TELEMETRY_LOG_FORMAT",
        choice("auto", "json", "pretty"),
        "auto",
        "auto: pretty on a terminal, else json",
    )
    log_burst: int = setting(
        "TELEMETRY_LOG_BURST",
        whole(0),
        "50",
        "records per message and burst window; the rest are only counted; 0: no limit",
    )
    log_burst_seconds: float = setting(
        "TELEMETRY_LOG_BURST_SECONDS", number(0.1), "10", "seconds of the burst window"
    )
    error_burst: int = setting(
        "TELEMETRY_ERROR_BURST",
        whole(0),
        "20",
        "error reports per failure (type, route and line) and burst window; 0: no limit",
    )
    stdout_delay: float = setting(
        "TELEMETRY_LOG_DELAY",
        milliseconds(0),
        "50",
        "how long a line below WARNING may wait to share a write to stdout, in milliseconds",
    )
    prometheus: bool = setting(
        "TELEMETRY_PROMETHEUS", switch, "on", "serves the process's metrics as Prometheus text"
    )
    runtime_metrics: bool = setting(
        "TELEMETRY_RUNTIME_METRICS", switch, "on", "process, system and event loop metrics"
    )
    slow_query_ms: float = setting(
        "TELEMETRY_SLOW_QUERY_MS", number(0), "100", "database calls slower than this are logged"
    )
    excluded_routes: tuple[str, ...] = setting(
        "TELEMETRY_EXCLUDED_ROUTES", names, "/livez,/readyz", "paths without spans and access logs"
    )
    redact_keys: tuple[str, ...] = setting(
        "TELEMETRY_REDACT_KEYS",
        names,
        "",
        "further key names whose values are always redacted, separated by commas",
    )
    shutdown_seconds: float = setting(
        "TELEMETRY_SHUTDOWN_SECONDS", number(0.1, 60), "5", "maximum seconds for shutdown"
    )
    limits: Limits = field(default_factory=Limits)
    otlp: Mapping[Signal, OtlpTarget] = field(default_factory=lambda: targets_from_env({}))

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> TelemetryConfig:
        """Reads every setting from `environ` (default: the process environment); empty means unset.

        Raises:
            ConfigError: A value is not allowed, a `TELEMETRY_` key is unknown, or OTEL_CONFIG_FILE is set.
        """
        environ = os.environ if environ is None else environ
        _refuse_unknown(environ)
        values: dict[str, Any] = read_all(cls, environ)
        limits: dict[str, Any] = read_all(Limits, environ)
        _refuse_large_batches(environ, values)
        return cls(**values, limits=Limits(**limits), otlp=targets_from_env(environ))

    def exporter(self, signal: Signal) -> str:
        """Returns a signal's exporter: `otlp`, `console` or `none`."""
        return str(getattr(self, f"{signal}_exporter"))

    def export_timeout(self, signal: Signal) -> float:
        """Returns the timeout in seconds for one export of a signal; the OTLP timeout may be shorter."""
        timeouts: dict[Signal, float] = {
            "traces": self.span_export_timeout,
            "metrics": self.metric_export_timeout,
            "logs": self.log_export_timeout,
        }
        return timeouts[signal]

    @property
    def environment(self) -> str:
        """The resource's `deployment.environment.name`, or an empty string."""
        attributes = self.resource_attributes
        return attributes.get("deployment.environment.name") or attributes.get("deployment.environment", "")

    @property
    def service_version(self) -> str:
        """The resource's `service.version`, or an empty string."""
        return self.resource_attributes.get("service.version", "")


def settings() -> list[Setting]:
    """Lists every variable that is read, in the order of declaration."""
    prefix = "OTEL_EXPORTER_OTLP_"
    return [
        *listed(TelemetryConfig),
        *listed(Limits),
        Setting(
            f"{prefix}ENDPOINT",
            "http://localhost:4318",
            "the collector's base URL; OTLP_TRACES_, _METRICS_ and _LOGS_ variants override each of these",
        ),
        Setting(f"{prefix}PROTOCOL", "http/protobuf", "only http/protobuf"),
        Setting(f"{prefix}HEADERS", "", "key=value pairs sent with every export", secret=True),
        Setting(f"{prefix}TIMEOUT", "10000", "milliseconds for one export, retries included"),
        Setting(f"{prefix}COMPRESSION", "none", "gzip or none"),
        Setting(f"{prefix}CERTIFICATE", "", "path of the collector's CA certificate"),
        Setting(f"{prefix}CLIENT_CERTIFICATE", "", "path of our certificate, if the collector requires one"),
        Setting(f"{prefix}CLIENT_KEY", "", "path of our certificate's private key"),
    ]


def _refuse_large_batches(environ: Mapping[str, str], values: Mapping[str, Any]) -> None:
    for signal, item in (("BSP", "span"), ("BLRP", "log")):
        key = f"OTEL_{signal}_MAX_EXPORT_BATCH_SIZE"
        if environ.get(key) and values[f"{item}_batch_size"] > values[f"{item}_queue_size"]:
            raise ConfigError(key, environ[key], f"at most OTEL_{signal}_MAX_QUEUE_SIZE")


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    if environ.get("OTEL_CONFIG_FILE"):
        raise ConfigError(
            "OTEL_CONFIG_FILE", environ["OTEL_CONFIG_FILE"], "no configuration file: set OTEL_* variables"
        )
    known = {each.key for each in listed(TelemetryConfig)}
    for key in sorted(environ):
        if key.startswith(PREFIX) and key not in known:
            nearest = get_close_matches(key, known, n=1, cutoff=0.0)
            raise ConfigError(key, environ[key], f"a known key; the nearest is {nearest[0]}")


__all__ = ["ConfigError", "OtlpTarget", "Setting", "Signal", "TelemetryConfig", "settings"]
