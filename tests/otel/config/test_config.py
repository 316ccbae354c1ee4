from __future__ import annotations

from pathlib import Path

import pytest

from otel.config.settings import ConfigError, TelemetryConfig, settings


def test_an_empty_environment_gives_the_specifications_defaults() -> None:
    config = TelemetryConfig.from_env({})
    assert config == TelemetryConfig()
    assert config.span_queue_size == 2048
    assert config.metric_export_interval == 60
    assert config.sampler == "parentbased_always_on"
    assert config.otlp["traces"].endpoint == "http://localhost:4318/v1/traces"


def test_an_empty_value_counts_as_unset() -> None:
    assert TelemetryConfig.from_env({"OTEL_BSP_MAX_QUEUE_SIZE": "", "SENTRY_DSN": " "}) == TelemetryConfig()


def test_times_are_given_in_milliseconds() -> None:
    config = TelemetryConfig.from_env(
        {"OTEL_EXPORTER_OTLP_TIMEOUT": "2500", "OTEL_METRIC_EXPORT_INTERVAL": "500"}
    )
    assert config.otlp["logs"].timeout == 2.5
    assert config.metric_export_interval == 0.5


def test_a_signals_own_variable_wins_and_is_used_unchanged() -> None:
    config = TelemetryConfig.from_env(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318/",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://traces.example/intake",
            "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20abc",
            "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "x-token=1",
        }
    )
    assert config.otlp["traces"].endpoint == "https://traces.example/intake"
    assert config.otlp["metrics"].endpoint == "http://collector:4318/v1/metrics"
    assert config.otlp["metrics"].headers == {"Authorization": "Bearer abc"}
    assert config.otlp["logs"].headers == {"x-token": "1"}


def test_resource_attributes_are_decoded() -> None:
    config = TelemetryConfig.from_env(
        {"OTEL_RESOURCE_ATTRIBUTES": "service.version=1.2,deployment.environment.name=north%20coast"}
    )
    assert config.environment == "north coast"
    assert config.service_version == "1.2"
    both = TelemetryConfig.from_env({"OTEL_RESOURCE_ATTRIBUTES": "a%2Cb=1%3D2%2C3, team = learn "})
    assert both.resource_attributes == {"a,b": "1=2,3", "team": "learn"}


@pytest.mark.parametrize(("value", "disabled"), [("true", True), ("TRUE", True), ("false", False)])
def test_only_true_disables_the_sdk(value: str, *, disabled: bool) -> None:
    assert TelemetryConfig.from_env({"OTEL_SDK_DISABLED": value}).disabled is disabled


def test_each_signal_has_its_own_variables() -> None:
    config = TelemetryConfig.from_env(
        {
            "OTEL_EXPORTER_OTLP_TIMEOUT": "9000",
            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "1000",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION": "none",
            "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "https://metrics.example/intake/",
        }
    )
    assert {signal: target.timeout for signal, target in config.otlp.items()} == {
        "traces": 1.0,
        "metrics": 9.0,
        "logs": 9.0,
    }
    assert {signal: target.compression for signal, target in config.otlp.items()} == {
        "traces": "gzip",
        "metrics": "gzip",
        "logs": "none",
    }
    assert config.otlp["metrics"].endpoint == "https://metrics.example/intake/"


def test_repeated_propagators_are_deduplicated() -> None:
    config = TelemetryConfig.from_env({"OTEL_PROPAGATORS": "baggage,tracecontext,baggage"})
    assert config.propagators == ("baggage", "tracecontext")


def test_limits_of_spans_and_records_win_over_the_general_ones() -> None:
    limits = TelemetryConfig.from_env(
        {
            "OTEL_ATTRIBUTE_COUNT_LIMIT": "10",
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "0",
            "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "100",
            "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT": "20",
        }
    ).limits
    assert (limits.counted(limits.span_count), limits.counted(limits.log_count)) == (0, 10)
    assert (limits.measured(limits.span_value_length), limits.measured(limits.log_value_length)) == (100, 20)
    assert TelemetryConfig().limits.counted(None) == 128
    assert TelemetryConfig().limits.measured(None) is None


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("TELEMETRY_LOG_LEVEL", "loud", "debug, info"),
        ("TELEMETRY_LOG_LEVELS", "uvicorn", "key=value"),
        ("TELEMETRY_LOG_LEVELS", "uvicorn=loud", "debug, info"),
        ("TELEMETRY_PROMETHEUS", "maybe", "on or off"),
        ("TELEMETRY_SHUTDOWN_SECONDS", "soon", "a number from 0.1 to 60"),
        ("TELEMETRY_SHUTDOWN_SECONDS", "nan", "a number from 0.1 to 60"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "a whole number from 1"),
        *(
            ("OTEL_BSP_MAX_QUEUE_SIZE", value, "a whole number from 1")
            for value in ("1.5", "2.0", "1_000", "+5", "٣")
        ),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "2.0", "a whole number from 0"),
        ("TELEMETRY_LOG_BURST", "1_000", "a whole number from 0"),
        ("OTEL_TRACES_SAMPLER", "sometimes", "parentbased_always_on"),
        ("OTEL_TRACES_SAMPLER_ARG", "2", "a number from 0 to 1"),
        ("OTEL_TRACES_EXPORTER", "jaeger", "otlp, console, none"),
        ("OTEL_PROPAGATORS", "b3", "tracecontext, baggage, none"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "an absolute URL"),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "nowhere", "an absolute URL"),
        *(
            (f"OTEL_EXPORTER_OTLP_{signal}ENDPOINT", url, "a port from 1 to 65535")
            for signal in ("", "TRACES_", "METRICS_", "LOGS_")
            for url in ("http://c:99999", "http://c:0", "http://c:-1", "http://c:http", "http://[::1:4318")
        ),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "gzip, none"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem", "an existing file"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta", "cumulative"),
        ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "http/json", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "-1", "a whole number from 1"),
        (
            "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
            "base2_exponential_bucket_histogram",
            "explicit_bucket_histogram",
        ),
        ("OTEL_METRICS_EXEMPLAR_FILTER", "always_on", "trace_based, always_off"),
        ("OTEL_SDK_DISABLED", "1", "true or false"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=50%", "percent-encoded"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=%FF", "percent-encoded"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many", "a whole number from 0"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "-5", "a whole number from 0"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "soon", "a whole number from 1"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096", "OTEL_BSP_MAX_QUEUE_SIZE"),
        ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "4096", "OTEL_BLRP_MAX_QUEUE_SIZE"),
        ("OTEL_LOG_LEVEL", "loud", "debug, info"),
    ],
)
def test_an_invalid_value_is_rejected_with_key_and_allowed_values(key: str, value: str, allowed: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TelemetryConfig.from_env({key: value})
    assert caught.value.key == key
    (sentence,) = caught.value.sentences
    assert sentence.startswith(f"{key}={value!r} is not valid: must be ")
    assert allowed in sentence


def test_a_configuration_file_is_rejected() -> None:
    with pytest.raises(ConfigError, match="no configuration file is read: set OTEL_") as caught:
        TelemetryConfig.from_env({"OTEL_CONFIG_FILE": "otel.yaml"})
    assert caught.value.key == "OTEL_CONFIG_FILE"


def test_an_unknown_key_of_ours_is_rejected_with_the_nearest_known_one() -> None:
    with pytest.raises(
        ConfigError, match=r"TELEMETRY_LOG_LEVLE is not a setting: did you mean TELEMETRY_LOG_LEVEL\?"
    ):
        TelemetryConfig.from_env({"TELEMETRY_LOG_LEVLE": "info"})


def test_secrets_appear_neither_in_errors_nor_in_the_settings_repr() -> None:
    with pytest.raises(ConfigError) as caught:
        TelemetryConfig.from_env({"OTEL_EXPORTER_OTLP_HEADERS": "hunter2"})
    with pytest.raises(ConfigError, match="a DSN such as") as refused:
        TelemetryConfig.from_env({"SENTRY_DSN": "hunter2"})
    config = TelemetryConfig.from_env(
        {"OTEL_EXPORTER_OTLP_HEADERS": "a=hunter2", "SENTRY_DSN": "https://hunter2@errors.invalid/1"}
    )
    with pytest.raises(ConfigError) as address:
        TelemetryConfig.from_env({"OTEL_EXPORTER_OTLP_ENDPOINT": "ftp://user:hunter2@collector"})
    assert "hunter2" not in f"{caught.value} {refused.value} {address.value} {config}"


def test_an_existing_certificate_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.touch()
    config = TelemetryConfig.from_env({"OTEL_EXPORTER_OTLP_CERTIFICATE": str(path)})
    assert config.otlp["traces"].certificate == str(path)


def test_every_listed_default_is_accepted_and_changes_nothing() -> None:
    listed = {each.key: each.default or "" for each in settings()}
    assert TelemetryConfig.from_env(listed) == TelemetryConfig()
    assert len(listed) == len(settings())
