"""Shuts telemetry down while the collector is dead in different ways."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from opentelemetry import trace

from otel.ends import run_bounded
from otel.errors.reports import capture
from otel.export.accounting import SignalView
from tests.otel.conftest import Configure
from tests.otel.intake import intake
from tests.otel.receiver import black_hole, receiver, refusing_port, unavailable
from tests.programs import wait_until

Dead = Callable[[], AbstractContextManager[str]]
DEAD = [
    pytest.param(refusing_port, id="refuses"),
    pytest.param(black_hole, id="never answers"),
    pytest.param(unavailable, id="answers 503"),
]
# Whatever waited for the end of an export would wait for an hour.
ENDLESS_EXPORTS = {"OTEL_EXPORTER_OTLP_TIMEOUT": "3600000"}
NONE = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}

SERVICE = """
import logging, os, sys
import otel
from opentelemetry import trace
telemetry = otel.configure(otel.TelemetryConfig.from_env(
    {**os.environ, "OTEL_SERVICE_NAME": "dying", "OTEL_EXPORTER_OTLP_ENDPOINT": sys.argv[1]}))
with trace.get_tracer("t").start_as_current_span("s"):
    logging.getLogger("app").warning("last words")
print("the last line", flush=True)
"""


def balanced(view: SignalView) -> bool:
    return view["produced"] == view["exported"] + sum(view["dropped"].values()) + view["pending"]


def error_tracker(url: str) -> str:
    """Returns a DSN for the server at `url`."""
    return f"{url.replace('://', '://public@')}/7"


def produce(spans: int) -> None:
    tracer = trace.get_tracer("test")
    for number in range(spans):
        with tracer.start_as_current_span(f"span {number}"):
            logging.getLogger("app").warning("record %s", number)


@pytest.mark.parametrize("dead", DEAD)
def test_shutdown_ends_although_no_export_does(configure: Configure, dead: Dead) -> None:
    with dead() as url:
        tracker = error_tracker(url)  # just as dead
        telemetry = configure(
            OTEL_EXPORTER_OTLP_ENDPOINT=url, TELEMETRY_LOG_BURST="0", SENTRY_DSN=tracker, **ENDLESS_EXPORTS
        )
        produce(700)
        assert capture(ValueError("never sent"), None)
        report = telemetry.shutdown()
    assert not report.complete
    assert set(report.finished) == {"traces", "logs", "metrics", "errors", "lines"}
    for signal in ("traces", "logs", "metrics"):
        view = report.accounts[signal]
        assert balanced(view)
        assert view["pending"] == view["exported"] == 0
    assert report.accounts["traces"]["produced"] == 700
    assert report.accounts["logs"]["produced"] >= 700


@pytest.mark.parametrize("dead", DEAD)
def test_error_reports_that_cannot_be_sent_are_counted(configure: Configure, dead: Dead) -> None:
    with dead() as url:
        telemetry = configure(**NONE, SENTRY_DSN=error_tracker(url), TELEMETRY_SHUTDOWN_SECONDS="0.5")
        assert all(capture(ValueError(f"never sent {number}"), None) for number in range(5))
        telemetry.shutdown()
        reports = telemetry.error_reports()
    assert reports is not None
    assert reports["captured"] == sum(reports["dropped"].values()) == 5


def test_error_reports_still_queued_at_shutdown_are_counted_as_lost(configure: Configure) -> None:
    with black_hole() as url:
        telemetry = configure(**NONE, SENTRY_DSN=error_tracker(url), TELEMETRY_SHUTDOWN_SECONDS="0.5")
        assert all(capture(ValueError(f"never sent {number}"), None) for number in range(5))
        report = telemetry.shutdown()
    assert not report.finished["errors"]
    assert telemetry.error_reports() == {"captured": 5, "dropped": {"shutdown": 5}}


def test_error_reports_that_arrive_before_shutdown_are_not_lost(configure: Configure) -> None:
    with intake() as server:
        telemetry = configure(**NONE, SENTRY_DSN=server.dsn)
        assert all(capture(ValueError(f"sent {number}"), None) for number in range(5))
        report = telemetry.shutdown()
        assert len(server.events) == 5
    assert report.finished["errors"]
    assert telemetry.error_reports() == {"captured": 5, "dropped": {}}


@pytest.mark.parametrize("dead", DEAD)
def test_a_process_exits_although_no_export_ends(dead: Dead) -> None:
    with dead() as url:
        process = subprocess.run(
            [sys.executable, "-c", SERVICE, url],
            env={**os.environ, **ENDLESS_EXPORTS},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
    [last] = [line for line in process.stdout.splitlines() if not line.startswith("{")]
    assert last == "the last line"


@pytest.mark.parametrize("dead", DEAD)
def test_flush_keeps_to_its_timeout(configure: Configure, dead: Dead) -> None:
    with dead() as url:
        telemetry = configure(
            OTEL_EXPORTER_OTLP_ENDPOINT=url, TELEMETRY_SHUTDOWN_SECONDS="0.5", **ENDLESS_EXPORTS
        )
        produce(5)
        assert not telemetry.flush(0.5)
        telemetry.shutdown()


def test_a_working_collector_gets_everything(configure: Configure) -> None:
    with receiver() as collector:
        telemetry = configure(
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20abc",
            OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
            TELEMETRY_LOG_BURST="0",
        )
        produce(600)
        report = telemetry.shutdown()
    assert report.complete
    assert len(collector.spans()) == report.accounts["traces"]["exported"] == 600
    assert len(collector.records()) == report.accounts["logs"]["exported"] == 600
    assert report.accounts["metrics"]["exported"] == report.accounts["metrics"]["produced"] > 0
    assert {each["authorization"] for each in collector.headers} == {"Bearer abc"}


def test_a_collector_that_recovers_gets_what_was_queued(configure: Configure) -> None:
    with receiver() as collector:
        collector.status = 503
        telemetry = configure(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_BSP_SCHEDULE_DELAY="50")
        produce(3)
        wait_until(lambda: collector.refused > 0, "an export is refused")
        collector.status = 200
        wait_until(lambda: len(collector.spans()) == 3, "three spans arrive")
        assert telemetry.shutdown().accounts["traces"] == {
            "produced": 3,
            "exported": 3,
            "dropped": {},
            "pending": 0,
        }


def test_queues_are_bounded_while_the_collector_is_away(configure: Configure) -> None:
    with black_hole() as url:
        telemetry = configure(
            OTEL_EXPORTER_OTLP_ENDPOINT=url,
            OTEL_BSP_MAX_QUEUE_SIZE="100",
            OTEL_BSP_MAX_EXPORT_BATCH_SIZE="50",
            OTEL_BLRP_MAX_QUEUE_SIZE="100",
            TELEMETRY_SHUTDOWN_SECONDS="0.5",
        )
        produce(5_000)
        view = telemetry.accounting()["traces"]
        assert view["pending"] <= 150
        assert view["dropped"]["queue_full"] >= 4_850
        assert balanced(view)
        telemetry.shutdown()


def test_spans_that_end_after_shutdown_are_counted(configure: Configure) -> None:
    with receiver() as collector:
        telemetry = configure(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        span = trace.get_tracer("t").start_span("late")
        telemetry.shutdown()
        span.end()
    assert telemetry.accounting()["traces"]["dropped"] == {"already_shutdown": 1}


def test_a_second_shutdown_returns_the_first_report(configure: Configure) -> None:
    telemetry = configure(**NONE)
    assert telemetry.shutdown() is telemetry.shutdown()


def test_a_task_that_hangs_or_fails_does_not_affect_the_others() -> None:
    released = threading.Event()

    def hang(_: float) -> bool:
        return released.wait(600)

    def fail(_: float) -> bool:
        raise OSError("gone")

    results = run_bounded({"good": lambda _: True, "hangs": hang, "fails": fail}, 0.2)
    released.set()
    assert results == {"good": True, "hangs": False, "fails": False}
    released.set()
