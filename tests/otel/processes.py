"""Runs a service in real processes against a collector and an error tracker, and collects what arrives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.otel.intake import Intake, intake
from tests.otel.receiver import Receiver, receiver
from tests.programs import wait_until

REPOSITORY = Path(__file__).parents[2]
READY = "READY"
BEGIN = """
import os, sys, threading
import otel
from opentelemetry import trace
from otel.errors.reports import capture

JOBS = otel.Counter("test.jobs", unit="{job}", description="Jobs.")

def start():
    return otel.configure(otel.TelemetryConfig.from_env(), catalogue=otel.Catalogue("test", JOBS))

def leave(name):
    # one item of each signal; none is exported by itself, because the delays are a minute
    with trace.get_tracer("test").start_as_current_span(name):
        otel.get_logger("app").info(name)
        JOBS.add(1)
        capture(LookupError(name), None)

def ready():
    print("READY", file=sys.stderr, flush=True)

def wait_for_a_signal(wait=threading.Event().wait):
    # Python runs no handler in a wait without a limit if the signal arrived just before the wait began
    while True:
        wait(0.2)
"""


@dataclass
class Service:
    """A running process; `events` come from its stdout, `stderr` is what it has written there."""

    process: subprocess.Popen[str]
    folder: Path
    collector: Receiver
    errors: Intake

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()

    @property
    def events(self) -> list[str]:
        """The events of the log lines on stdout, in order."""
        text = (self.folder / "stdout").read_text()
        return [json.loads(line)["event"] for line in text.splitlines() if line.startswith("{")]

    def wait_until_ready(self) -> None:
        wait_until(lambda: READY in self.stderr or self.process.poll() is not None, "it is ready")
        assert READY in self.stderr, self.stderr

    def end(self, number: int | None = None) -> int:
        """Sends the signal, if any, waits for the exit and returns its status."""
        if number is not None:
            self.process.send_signal(number)
        return self.process.wait(60)

    def left(self) -> Left:
        """Returns what has arrived from calls of `leave`."""
        jobs = self.collector.latest("test.jobs").values()
        return Left(
            spans=Counter(span.name for span in self.collector.spans()),
            records=Counter(record.body.string_value for record in self.collector.records()),
            lines=Counter(self.events),
            jobs=sum(metric.sum.data_points[0].as_int for metric in jobs),
            reports=Counter(event["exception"]["values"][-1]["value"] for event in self.errors.events),
        )


@dataclass
class Left:
    """Counts what has arrived, by the name of the job."""

    spans: Counter[str] = field(default_factory=Counter)
    records: Counter[str] = field(default_factory=Counter)
    lines: Counter[str] = field(default_factory=Counter)
    jobs: int = 0
    reports: Counter[str] = field(default_factory=Counter)

    def assert_each_once(self, *names: str) -> None:
        """Asserts that every item of each job has arrived once, and that there was no other job."""
        self.assert_of(*names)
        assert self.spans == self.reports == Counter(names)
        assert self.jobs == len(names)

    def assert_of(self, *names: str) -> None:
        """Asserts that span, record, line and report of each job have arrived once."""
        found = {
            name: [each[name] for each in (self.spans, self.records, self.lines, self.reports)]
            for name in names
        }
        assert all(counts == [1, 1, 1, 1] for counts in found.values()), found


@contextmanager
def running(folder: Path, program: str, *arguments: str, **environ: str) -> Iterator[Service]:
    """Runs `BEGIN` followed by the program; kills the process at the end of the block if it still runs."""
    file = folder / "program.py"
    file.write_text(BEGIN + program)
    command = [sys.executable, str(file), *arguments]
    with (
        receiver() as collector,
        intake() as errors,
        serving(folder, command, collector, errors, environ) as service,
    ):
        yield service


@contextmanager
def serving(
    folder: Path,
    command: list[str],
    collector: Receiver,
    errors: Intake,
    environ: dict[str, str],
    keep: tuple[int, ...] = (),
) -> Iterator[Service]:
    """Starts the command with a service's settings; it inherits the file descriptors `keep`."""
    settings = {
        "PYTHONPATH": os.pathsep.join((str(REPOSITORY), str(folder))),
        "PYTHONWARNINGS": "ignore::DeprecationWarning",
        "OTEL_SERVICE_NAME": "ending",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "60000",
        "OTEL_BLRP_SCHEDULE_DELAY": "60000",
        "OTEL_METRIC_EXPORT_INTERVAL": "60000",
        "TELEMETRY_LOG_FORMAT": "json",
        "TELEMETRY_LOG_DELAY": "60000",
        "TELEMETRY_RUNTIME_METRICS": "off",
        "TELEMETRY_SHUTDOWN_SECONDS": "30",
        "SENTRY_DSN": errors.dsn,
    }
    # The test runner may ignore these signals, and a child would inherit that.
    command = ["env", "--default-signal=TERM,HUP", *command]
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "SENTRY_"))}
    with (folder / "stdout").open("w") as out, (folder / "stderr").open("w") as err:
        process = subprocess.Popen(
            command, env=kept | settings | environ, stdout=out, stderr=err, text=True, pass_fds=keep
        )
    try:
        yield Service(process, folder, collector, errors)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
