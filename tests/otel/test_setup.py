from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from fastapi import FastAPI
from opentelemetry import propagate, trace
from sentry_sdk.utils import BadDsn

import otel
from otel.config.settings import TelemetryConfig
from otel.setup import active
from otel.testing import capture_telemetry
from tests.otel.asgi import request
from tests.otel.conftest import Configure
from tests.otel.receiver import black_hole, receiver, text_attributes
from tests.otel.service import instrumented
from tests.programs import wait_until

NONE = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}


def python(program: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_importing_the_package_loads_no_sdk() -> None:
    done = python("import otel, sys; print([m for m in sys.modules if m.startswith('opentelemetry')])")
    assert done.stdout == "[]\n"


def test_declaring_metrics_loads_no_sdk() -> None:
    done = python("import otel.metrics.catalogue, sys; print('opentelemetry.sdk' in sys.modules)")
    assert done.stdout == "False\n"


def test_every_public_name_exists_and_others_do_not() -> None:
    assert all(getattr(otel, name) is not None for name in otel.__all__)
    with pytest.raises(AttributeError, match="no attribute 'magic'"):
        _ = otel.magic


def test_the_stable_conventions_are_selected_before_the_instrumentations_start() -> None:
    program = """
import json, os, otel
otel.configure(otel.TelemetryConfig.from_env())
from opentelemetry.instrumentation._semconv import _OpenTelemetrySemanticConventionStability as stability
from opentelemetry.instrumentation._semconv import _OpenTelemetryStabilitySignalType as signal
mode = stability._get_opentelemetry_stability_opt_in_mode
print(json.dumps([mode(each).value for each in (signal.HTTP, signal.DATABASE)]))
"""
    done = python(program, **NONE, TELEMETRY_RUNTIME_METRICS="off")
    assert json.loads(done.stdout.splitlines()[-1]) == ["http", "database"], done.stderr


def test_a_wrong_setting_is_named_in_one_line() -> None:
    done = python("import otel; otel.configure()", TELEMETRY_LOG_LEVEL="loud")
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1].endswith(
        "TELEMETRY_LOG_LEVEL='loud' is not valid: must be one of debug, info, warning, error, critical."
    )


def test_a_failed_start_leaves_nothing_behind(configure: Configure) -> None:
    quiet = TelemetryConfig(traces_exporter="none", metrics_exporter="none", logs_exporter="none")
    broken = quiet.model_copy(update={"sentry_dsn": "gopher://x"})
    with pytest.raises(BadDsn):
        otel.configure(broken)
    assert active() is None
    configure(**NONE)
    assert active() is not None


def test_disabled_telemetry_passes_a_callers_trace_on_unchanged(configure: Configure) -> None:
    configure(OTEL_SDK_DISABLED="true")
    sent = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    passed_on: dict[str, str] = {}
    with trace.get_tracer("t").start_as_current_span("s", context=propagate.extract(sent)):
        propagate.inject(passed_on)
    assert passed_on == sent


def test_limits_apply_to_spans_and_log_records(configure: Configure) -> None:
    with receiver() as collector:
        telemetry = configure(
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT="2",
            OTEL_SPAN_EVENT_COUNT_LIMIT="1",
            OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT="4",
            OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT="3",
        )
        with trace.get_tracer("t").start_as_current_span("s") as span:
            span.set_attributes({"a": "long text", "b": 1, "c": 2})
            span.add_event("first")
            span.add_event("second")
        with pytest.warns(UserWarning, match="dropped due to limits"):
            otel.get_logger("app").info("said", x=1, y=2, z=3)
        assert telemetry.flush(5)
    [sent] = collector.spans()
    assert text_attributes(sent.attributes) == {"b": "1", "c": "2"}
    assert (sent.dropped_attributes_count, [event.name for event in sent.events]) == (1, ["second"])
    [record] = collector.records()
    assert (len(record.attributes), record.dropped_attributes_count) == (3, 1)


def test_a_shorter_export_timeout_is_respected(configure: Configure) -> None:
    with black_hole() as url:
        telemetry = configure(
            OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_BSP_EXPORT_TIMEOUT="100", OTEL_BSP_SCHEDULE_DELAY="1"
        )
        trace.get_tracer("t").start_span("s").end()
        wait_until(
            lambda: telemetry.accounting()["traces"]["dropped"] == {"export_failed": 1},
            "the span is dropped",
            5,
        )


def test_disabled_telemetry_records_nothing(configure: Configure) -> None:
    telemetry = configure(OTEL_SDK_DISABLED="true", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    with trace.get_tracer("t").start_as_current_span("s") as span:
        assert not span.is_recording()
    report = telemetry.shutdown()
    assert report.complete
    assert report.accounts["traces"]["produced"] == report.accounts["metrics"]["produced"] == 0


@pytest.mark.parametrize(
    ("names", "fields"),
    [
        ("tracecontext,baggage", {"traceparent", "tracestate", "baggage"}),
        ("tracecontext", {"traceparent", "tracestate"}),
        ("none", set()),
    ],
)
def test_propagators_are_the_configured_ones(configure: Configure, names: str, fields: set[str]) -> None:
    configure(**NONE, OTEL_PROPAGATORS=names)
    assert set(propagate.get_global_textmap().fields) == fields


@pytest.mark.parametrize(
    ("names", "parent"),
    [("none", None), ("baggage", None), ("tracecontext", f"{8:016x}"), ("baggage,tracecontext", f"{8:016x}")],
)
async def test_a_request_is_served_with_any_propagators(names: str, parent: str | None) -> None:
    with capture_telemetry(config=TelemetryConfig.from_env({"OTEL_PROPAGATORS": names})) as captured:
        headers = [("traceparent", f"00-{7:032x}-{8:016x}-01")]
        answer = await request(instrumented(), "/api/v1/courses/c1/lessons/l1", headers=headers)
    assert answer.status == 200
    [span] = [each for each in captured.spans if each.kind == "SERVER"]
    assert span.parent_id == parent


@pytest.mark.parametrize(
    ("sampler", "argument", "sampled"),
    [
        ("always_on", "1", True),
        ("always_off", "1", False),
        ("traceidratio", "0", False),
        ("parentbased_traceidratio", "1", True),
        ("parentbased_always_off", "1", False),
    ],
)
def test_the_sampler_is_the_configured_one(
    configure: Configure, sampler: str, argument: str, *, sampled: bool
) -> None:
    configure(**NONE, OTEL_TRACES_SAMPLER=sampler, OTEL_TRACES_SAMPLER_ARG=argument)
    with trace.get_tracer("t").start_as_current_span("s") as span:
        assert span.get_span_context().trace_flags.sampled is sampled


def test_an_app_can_be_instrumented_without_telemetry() -> None:
    otel.instrument(FastAPI())
    assert active() is None


def test_the_config_may_be_built_by_hand(configure: Configure) -> None:
    assert configure(**NONE).config.service_name == "test"
    assert TelemetryConfig(service_name="by hand").service_name == "by hand"
