"""Process and machine metrics, compared with the system's own figures."""

from __future__ import annotations

import gc
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from otel.telemetry import Telemetry
from tests.otel.conftest import Configure
from tests.otel.prometheus import by_label, families

NONE = dict.fromkeys(("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"), "none")
Reading = Callable[[], dict[str, float]]


@pytest.fixture(name="telemetry")
def _telemetry(configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Telemetry:
    """Telemetry of worker 0, whatever else runs on this machine."""
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path))
        telemetry = configure(**NONE, TELEMETRY_RUNTIME_METRICS="on")
    assert telemetry.slot.number == 0
    return telemetry


def work() -> None:
    """Uses the CPU for more than a clock tick, the resolution of /proc."""
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass


def test_the_process_reports_itself(telemetry: Telemetry) -> None:
    found = families(telemetry)
    assert sum(found["process_cpu_time_seconds"].values()) > 0
    assert 1e6 < sum(found["process_memory_usage_bytes"].values()) < 1e10
    assert sum(found["process_thread_count"].values()) >= 1
    assert sum(found["process_unix_file_descriptor_count"].values()) > 3


def test_the_machine_reports_itself(telemetry: Telemetry) -> None:
    found = families(telemetry)
    assert sum(found["system_memory_usage_bytes"].values()) > 1e8
    assert sum(found["system_filesystem_usage_bytes"].values()) > 1e8


def test_cpu_utilization_since_the_last_collection_is_reported(telemetry: Telemetry) -> None:
    work()
    found = families(telemetry)
    [process], [system] = (
        found[name].values() for name in ("process_cpu_utilization_ratio", "system_cpu_utilization_ratio")
    )
    assert process > 0
    assert 0 < system <= 1


def test_the_load_is_the_one_minute_average(telemetry: Telemetry) -> None:
    before = os.getloadavg()[0]
    [load] = families(telemetry)["system_cpu_load_average_1m"].values()
    assert load in {before, os.getloadavg()[0]}


def disk_io() -> dict[str, float]:
    counters = psutil.disk_io_counters()
    return {} if counters is None else {"read": counters.read_bytes, "write": counters.write_bytes}


def switches() -> dict[str, float]:
    counts = psutil.Process().num_ctx_switches()
    return {"voluntary": counts.voluntary, "involuntary": counts.involuntary}


def garbage(field: str) -> Reading:
    return lambda: {str(generation): each[field] for generation, each in enumerate(gc.get_stats())}


@pytest.mark.parametrize(
    ("family", "label", "read"),
    [
        ("system_disk_io_bytes", "disk_io_direction", disk_io),
        ("process_context_switches", "process_context_switch_type", switches),
        ("cpython_gc_collections", "cpython_gc_generation", garbage("collections")),
        ("cpython_gc_collected_objects", "cpython_gc_generation", garbage("collected")),
        ("cpython_gc_uncollectable_objects", "cpython_gc_generation", garbage("uncollectable")),
    ],
)
def test_a_running_total_equals_the_systems(
    telemetry: Telemetry, family: str, label: str, read: Reading
) -> None:
    gc.collect()
    before = read()
    reported = by_label(telemetry, family, label) if before else {}
    after = read()
    assert reported.keys() == before.keys()
    assert all(before[each] <= reported[each] <= after[each] for each in reported)
