from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from otel.config.settings import TelemetryConfig
from otel.resource import WorkerSlot, build_resource

HOLD = """
import sys
from otel.resource import WorkerSlot
slot = WorkerSlot(sys.argv[1])
print(slot.number, flush=True)
sys.stdin.read()
"""


@pytest.fixture(name="folder")
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def hold(service: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, service], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.usefixtures("folder")
def test_workers_count_up_and_a_killed_one_frees_its_number() -> None:
    first, second = hold("lms"), hold("lms")
    assert first.stdout is not None
    assert second.stdout is not None
    try:
        numbers = {int(first.stdout.readline()), int(second.stdout.readline())}
        assert numbers == {0, 1}
        third = WorkerSlot("lms")
        assert third.number == 2
        third.release()
    finally:
        for process in (first, second):
            process.kill()
            process.communicate()
    after = WorkerSlot("lms")
    assert after.number == 0
    after.release()


@pytest.mark.usefixtures("folder")
def test_each_service_numbers_its_own_workers() -> None:
    one, other = WorkerSlot("lms"), WorkerSlot("billing/é")
    assert (one.number, other.number) == (0, 0)
    one.release()
    other.release()


def test_a_symlinked_folder_is_not_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = folder / "elsewhere"
    target.mkdir()
    monkeypatch.setattr("os.getuid", lambda: 4242)
    (folder / "otel-workers-4242").symlink_to(target)
    assert WorkerSlot("lms").number is None
    assert list(target.iterdir()) == []


@pytest.mark.usefixtures("folder")
def test_the_instance_is_host_and_worker_number() -> None:
    slot = WorkerSlot("lms")
    resource = build_resource(TelemetryConfig(service_name="lms"), slot)
    assert resource.attributes["service.instance.id"] == f"{socket.gethostname()}-{slot.number}"
    slot.release()


@pytest.mark.usefixtures("folder")
def test_the_environments_resource_attributes_win() -> None:
    config = TelemetryConfig.from_env(
        {
            "OTEL_SERVICE_NAME": "lms",
            "OTEL_RESOURCE_ATTRIBUTES": "service.name=other,service.instance.id=pod-7,host.name=h,team=learn",
        }
    )
    slot = WorkerSlot("lms")
    found = build_resource(config, slot).attributes
    slot.release()
    assert (found["service.name"], found["service.instance.id"]) == ("lms", "pod-7")
    assert (found["host.name"], found["team"]) == ("h", "learn")


@pytest.mark.usefixtures("folder")
def test_a_service_without_a_name_is_called_unknown() -> None:
    slot = WorkerSlot("x")
    assert build_resource(TelemetryConfig(), slot).attributes["service.name"] == "unknown_service:python"
    slot.release()
