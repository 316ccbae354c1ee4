"""A forked child counts separately: nothing of its parent's is sent twice."""

from __future__ import annotations

import json
import subprocess
import sys

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.otel.intake import intake
from tests.otel.receiver import receiver, text_attributes

PROGRAM = """
import json, logging, os, re, sys
import otel
from otel.errors.reports import capture
from opentelemetry import metrics, trace
from otel.metrics.catalogue import Catalogue, Counter, External

LENT = External("somelib.jobs", kind="counter", unit="{job}", description="Jobs.", recorded_by="somelib")
JOBS = Counter("test.jobs", unit="{job}", description="Jobs.")
telemetry = otel.configure(
    otel.TelemetryConfig.from_env(dict(
        OTEL_SERVICE_NAME="forking", OTEL_EXPORTER_OTLP_ENDPOINT=sys.argv[1],
        OTEL_METRIC_EXPORT_INTERVAL="60000", TELEMETRY_LOG_FORMAT="json", TELEMETRY_LOG_BURST="0",
        TELEMETRY_PROMETHEUS="on", SENTRY_DSN=sys.argv[2])),
    catalogue=Catalogue("test", JOBS, LENT))
lent = metrics.get_meter("somelib").create_counter("somelib.jobs")
foreign = metrics.get_meter("somelib").create_counter("somelib.calls")

def work(name, count):
    for _ in range(count):
        with trace.get_tracer("t").start_as_current_span(name):
            JOBS.add(1)
            foreign.add(1)
            lent.add(1)
            logging.getLogger("app").warning(name)

def instance():
    [line] = [each for each in telemetry.prometheus_text().splitlines() if each.startswith(b"target_info{")]
    return re.search(rb'service_instance_id="([^"]+)"', line)[1]

work("before", 100)
assert telemetry.flush(10)
work("queued", 5)
parent = instance()
capture(ValueError("the parent's"), None)
children = []
together, gate = os.pipe()  # closed once both children run, each with its own worker number
for number in range(2):
    pid = os.fork()
    if pid == 0:
        os.close(gate)
        os.read(together, 1)
        inherited, own = telemetry.error_reports(), instance()
        work(f"child {number}", number + 1)
        report = telemetry.shutdown(10)
        clean = inherited == {"captured": 0, "dropped": {}} and own != parent
        os._exit(0 if report.complete and clean else 1)
    children.append(pid)
os.close(gate)
failed = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
work("after", 10)
report = telemetry.shutdown(10)
print("REPORT", json.dumps({"failed": failed, "complete": report.complete, "accounts": report.accounts}))
"""


def test_parent_and_children_each_send_their_own_once() -> None:
    with receiver() as collector, intake() as errors:
        process = subprocess.run(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM, collector.url, errors.dsn],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert process.returncode == 0, process.stderr
    [line] = [line for line in process.stdout.splitlines() if line.startswith("REPORT ")]
    report = json.loads(line.removeprefix("REPORT "))
    assert report["failed"] == [0, 0]
    assert report["complete"]
    assert report["accounts"]["traces"]["exported"] == 115
    assert [event["exception"]["values"][0]["value"] for event in errors.events] == ["the parent's"]

    names = [span.name for span in collector.spans()]
    assert {name: names.count(name) for name in set(names)} == {
        "before": 100,
        "queued": 5,
        "child 0": 1,
        "child 1": 2,
        "after": 10,
    }
    assert len(collector.records()) == 118

    jobs = collector.latest("test.jobs")
    assert sorted(metric.sum.data_points[0].as_int for metric in jobs.values()) == [1, 2, 115]
    calls = collector.latest("somelib.calls")
    for each in (calls, collector.latest("somelib.jobs")):
        assert sorted(metric.sum.data_points[0].as_int for metric in each.values()) == [1, 2, 115]
    assert len(jobs) == 3
    assert jobs.keys() == calls.keys() == span_instances(collector.traces)


def span_instances(requests: list[ExportTraceServiceRequest]) -> set[str]:
    return {
        text_attributes(resource.resource.attributes)["service.instance.id"]
        for request in requests
        for resource in request.resource_spans
    }
