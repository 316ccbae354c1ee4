"""The end of a process whose log stream nobody reads, or that forks in the middle of a write."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.otel.processes import running


def test_a_stream_that_nobody_reads_does_not_delay_the_exit(tmp_path: Path) -> None:
    program = """
import threading
sys.stdout = open(os.pipe()[1], "w")
telemetry = start()
leave("job")
for number in range(500):  # more than a pipe holds, fewer than may be queued
    otel.get_logger("app").info("line", number=number, filling="." * 50)
ready()
wait_for_a_signal()
"""
    environ = {"TELEMETRY_LOG_DELAY": "1", "TELEMETRY_LOG_BURST": "0", "TELEMETRY_SHUTDOWN_SECONDS": "4"}
    with running(tmp_path, program, **environ) as service:
        service.wait_until_ready()
        assert service.end(signal.SIGTERM) == -signal.SIGTERM
        assert [span.name for span in service.collector.spans()] == ["job"]


def test_a_fork_during_a_write_neither_loses_nor_repeats_a_line(tmp_path: Path) -> None:
    program = """
import select, threading
reader, writer = os.pipe()
sys.stdout = open(writer, "w")
start()
for number in range(500):  # more than a pipe holds, fewer than may be queued
    otel.get_logger("access").info("line", number=number, filling="." * 50)
writing = threading.Thread(target=otel.get_logger("access").warning, args=("last",))
writing.start()
while select.select([], [writer], [], 0)[1]:
    pass  # until the pipe is full, in the middle of a write
forking, text = threading.Event(), []
def read():
    forking.wait()
    while part := os.read(reader, 65536):
        text.append(part)
reading = threading.Thread(target=read)
reading.start()
os.register_at_fork(before=forking.set)
child = os.fork()
if child == 0:
    sys.stdout.flush()
    os._exit(0)
os.waitpid(child, 0)
writing.join()
sys.stdout.close()
reading.join()
lines = b"".join(text).splitlines()
assert len(lines) == len(set(lines)) == 501, (len(lines), len(set(lines)))
"""
    environ = {"OTEL_LOGS_EXPORTER": "none", "TELEMETRY_LOG_BURST": "0"}
    with running(tmp_path, program, **environ) as service:
        assert service.end() == 0, service.stderr
