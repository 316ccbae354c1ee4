"""All telemetry settings, read once from the environment and frozen.

`OTEL_*` variables follow the OpenTelemetry specification, `SENTRY_*` those of sentry-sdk; ours start with
`TELEMETRY_`. Each field declares its variable, type and description: error messages, `.env.example` and
the documentation are made from them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from otel.config.env_settings import ConfigError, EnvSettings, Setting, setting
from otel.config.limits import Limits
from otel.config.otlp import OtlpTarget, Signal, targets_from_env
from otel.config.parsing import (
    WORD,
    WORDS,
    Attributes,
    Count,
    Level,
    Levels,
    Milliseconds,
    Names,
    Positive,
    SentryDsn,
    Share,
    Switch,
    TrueOrFalse,
    from_text,
    milliseconds,
)
from otel.config.trust import Trust, trust

_Sampler = Literal[
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
    "always_on",
    "always_off",
    "traceidratio",
]
_Exporter = Annotated[Literal["otlp", "console", "none"], WORD]


class TelemetryConfig(EnvSettings):
    """The settings; times are in seconds. `from_env` reads them, the constructor takes them directly."""

    model_config = SettingsConfigDict(str_strip_whitespace=True)
    prefix = "TELEMETRY_"
    shows_values = True

    disabled: TrueOrFalse = setting("OTEL_SDK_DISABLED", "false", "true: no telemetry except logs on stdout")
    service_name: str = setting("OTEL_SERVICE_NAME", "", "the service's name")
    resource_attributes: Attributes = setting(
        "OTEL_RESOURCE_ATTRIBUTES", "", "further resource attributes: deployment.environment.name, ..."
    )
    traces_exporter: _Exporter = setting("OTEL_TRACES_EXPORTER", "otlp", "otlp, console or none")
    metrics_exporter: _Exporter = setting("OTEL_METRICS_EXPORTER", "otlp", "otlp, console or none")
    logs_exporter: _Exporter = setting("OTEL_LOGS_EXPORTER", "otlp", "otlp, console or none")
    metric_export_interval: Annotated[float, milliseconds(100)] = setting(
        "OTEL_METRIC_EXPORT_INTERVAL", "60000", "milliseconds between two metric exports"
    )
    metric_export_timeout: Milliseconds = setting(
        "OTEL_METRIC_EXPORT_TIMEOUT", "30000", "milliseconds for one metric export"
    )
    histogram_aggregation: Annotated[Literal["explicit_bucket_histogram"], WORD] = setting(
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        "explicit_bucket_histogram",
        "only explicit buckets, as each histogram declares them",
    )
    metrics_temporality: Annotated[Literal["cumulative"], WORD] = setting(
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        "cumulative",
        "only cumulative, as Prometheus requires",
    )
    exemplar_filter: Annotated[Literal["trace_based", "always_off"], WORD] = setting(
        "OTEL_METRICS_EXEMPLAR_FILTER",
        "trace_based",
        "trace_based: exemplars from sampled traces; always_off: none",
    )
    span_queue_size: Positive = setting("OTEL_BSP_MAX_QUEUE_SIZE", 2048, "maximum spans queued in memory")
    span_batch_size: Positive = setting("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512, "spans per request")
    span_delay: Milliseconds = setting("OTEL_BSP_SCHEDULE_DELAY", "5000", "milliseconds between exports")
    span_export_timeout: Milliseconds = setting(
        "OTEL_BSP_EXPORT_TIMEOUT", "30000", "milliseconds for one export"
    )
    log_queue_size: Positive = setting("OTEL_BLRP_MAX_QUEUE_SIZE", 2048, "maximum records queued")
    log_batch_size: Positive = setting("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", 512, "records per request")
    log_delay: Milliseconds = setting("OTEL_BLRP_SCHEDULE_DELAY", "1000", "milliseconds between exports")
    log_export_timeout: Milliseconds = setting(
        "OTEL_BLRP_EXPORT_TIMEOUT", "30000", "milliseconds for one export"
    )
    sampler: Annotated[_Sampler, WORD] = setting(
        "OTEL_TRACES_SAMPLER", "parentbased_always_on", ", ".join(get_args(_Sampler))
    )
    sampler_ratio: Share = setting("OTEL_TRACES_SAMPLER_ARG", "1", "share of traces, 0 to 1")
    propagators: Annotated[tuple[Literal["tracecontext", "baggage", "none"], ...], WORDS] = setting(
        "OTEL_PROPAGATORS", "tracecontext,baggage", "tracecontext, baggage or none"
    )
    trust_remote_context: Annotated[Trust, from_text(trust)] = setting(
        "TELEMETRY_TRUST_REMOTE_CONTEXT",
        "always",
        "whose trace context and baggage to accept: always, never, or peer networks (10.0.0.0/8,...)",
    )
    sentry_dsn: SentryDsn = setting("SENTRY_DSN", "", "where errors go; empty sends none", secret=True)
    sentry_environment: str = setting("SENTRY_ENVIRONMENT", "", "default: deployment.environment.name")
    sentry_release: str = setting("SENTRY_RELEASE", "", "default: service.version")
    sentry_sample_rate: Share = setting("SENTRY_SAMPLE_RATE", "1", "share of errors sent, 0 to 1")
    log_level: Level = setting("TELEMETRY_LOG_LEVEL", "info", "lowest level logged")
    log_levels: Levels = setting(
        "TELEMETRY_LOG_LEVELS", "", "levels of individual loggers, such as uvicorn=warning,otel=debug"
    )
    sdk_log_level: Level = setting("OTEL_LOG_LEVEL", "info", "lowest level of the SDK's own logs")
    log_format: Annotated[Literal["auto", "json", "pretty"], WORD] = setting(
        "TELEMETRY_LOG_FORMAT", "auto", "auto: pretty on a terminal, else json"
    )
    log_burst: Count = setting(
        "TELEMETRY_LOG_BURST",
        50,
        "records per message and burst window; the rest are only counted; 0: no limit",
    )
    log_burst_seconds: Annotated[float, Field(ge=0.1, le=1e9)] = setting(
        "TELEMETRY_LOG_BURST_SECONDS", "10", "seconds of the burst window"
    )
    recent_records: Count = setting(
        "TELEMETRY_RECENT_RECORDS",
        0,
        "log records kept in memory, at most 4 MiB, for `Telemetry.recent_records()`; 0: none",
    )
    error_burst: Count = setting(
        "TELEMETRY_ERROR_BURST",
        20,
        "error reports per failure (type, route and line) and burst window; 0: no limit",
    )
    stdout_delay: Annotated[float, milliseconds(0)] = setting(
        "TELEMETRY_LOG_DELAY",
        "50",
        "how long a line below WARNING may wait to share a write to stdout, in milliseconds",
    )
    prometheus: Switch = setting(
        "TELEMETRY_PROMETHEUS", "on", "serves the process's metrics as Prometheus text"
    )
    runtime_metrics: Switch = setting(
        "TELEMETRY_RUNTIME_METRICS", "on", "process, system and event loop metrics"
    )
    slow_query_ms: Annotated[float, Field(ge=0, le=1e9)] = setting(
        "TELEMETRY_SLOW_QUERY_MS", "100", "database calls slower than this are logged"
    )
    repeated_queries: Annotated[int, Field(ge=0, le=1_000_000)] = setting(
        "TELEMETRY_REPEATED_QUERIES",
        "10",
        "queries of one shape in a request from which on they are logged, if more; 0: never",
    )
    excluded_routes: Names = setting(
        "TELEMETRY_EXCLUDED_ROUTES", "/livez,/readyz,/startupz", "paths without spans and access logs"
    )
    redact_keys: Names = setting(
        "TELEMETRY_REDACT_KEYS", "", "further key names whose values are always redacted, separated by commas"
    )
    shutdown_seconds: Annotated[float, Field(ge=0.1, le=60)] = setting(
        "TELEMETRY_SHUTDOWN_SECONDS", "5", "maximum seconds for shutdown"
    )
    limits: Limits = Field(default_factory=Limits)
    otlp: Mapping[Signal, OtlpTarget] = Field(default_factory=lambda: targets_from_env({}))

    @field_validator("span_batch_size", "log_batch_size")
    @classmethod
    def _fits_the_queue(cls, size: int, others: ValidationInfo) -> int:
        signal = "BSP" if others.field_name == "span_batch_size" else "BLRP"
        queue = "span_queue_size" if signal == "BSP" else "log_queue_size"
        if size > others.data.get(queue, size):
            raise ValueError(f"must be at most OTEL_{signal}_MAX_QUEUE_SIZE")
        return size

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **others: Any) -> Self:  # noqa: ANN401 - as EnvSettings
        """Reads every setting from `environ` (default: the process environment); blank means unset.

        Raises:
            ConfigError: A value is not allowed, a `TELEMETRY_` key is unknown, or OTEL_CONFIG_FILE is set.
        """
        environ = os.environ if environ is None else environ
        if environ.get("OTEL_CONFIG_FILE"):
            raise ConfigError(
                "OTEL_CONFIG_FILE",
                "OTEL_CONFIG_FILE is set, but no configuration file is read: set OTEL_* variables instead.",
            )
        parts = {"limits": Limits.from_env(environ), "otlp": targets_from_env(environ)}
        return super().from_env(environ, **{**parts, **others})

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
    return [*TelemetryConfig.variables(), *Limits.variables(), *OtlpTarget.variables()]


__all__ = ["ConfigError", "EnvSettings", "OtlpTarget", "Setting", "Signal", "TelemetryConfig", "settings"]
