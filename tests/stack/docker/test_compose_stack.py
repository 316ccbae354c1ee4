"""`make up`, `status`, `down` and `clean` with the Compose file itself, in real containers.

Loki, Tempo, Grafana, MongoDB and Mailpit come as images only, so they are absent: see docs/docker.md.
"""

from __future__ import annotations

import os
import secrets
import signal
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml

from stack.settings import REPOSITORY
from tests.programs import wait_until
from tests.stack.docker.clone import Clone
from tests.stack.docker.conftest import Started
from tests.stack.docker.trackers import issues

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1800)]

ABSENT: Final = {"grafana", "tempo"}
RUNNING: Final = ("alertmanager", "app", "bugsink", "canary", "collector", "prometheus", "redis")
SERVICES: Final = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
SECONDS: Final = 60.0  # to answer one request, on a busy machine
PASSWORD: Final = "a-password-of-the-student"
FAILED: Final = (
    "http_server_request_duration_seconds_count"
    '{http_route="/api/v1/demo/transcripts",http_response_status_code="500"}'
)


@pytest.fixture(scope="module", name="clone")
def _clone(started: Started) -> Clone:
    return started.clone


@pytest.fixture(scope="module", name="student")
def _student(clone: Clone) -> str:
    """The mail address of a student who has registered."""
    mail = f"{secrets.token_hex(6)}@example.org"
    body = {"email": mail, "password": PASSWORD, "name": "Katherine Johnson"}
    httpx.post(f"{clone.url('LMS_PORT')}/api/v1/users", json=body, timeout=SECONDS).raise_for_status()
    return mail


def token(clone: Clone, mail: str, password: str) -> dict[str, str]:
    """Logs in and returns the header that later requests need."""
    login = {"email": mail, "password": password}
    answer = httpx.post(
        f"{clone.url('LMS_PORT')}/api/v1/auth/login", json=login, timeout=SECONDS
    ).raise_for_status()
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def total(clone: Clone, query: str) -> float:
    """Returns the sum of a query to Prometheus; 0 for no series."""
    url = f"{clone.url('STACK_PORT_PROMETHEUS')}/api/v1/query"
    result = (
        httpx.get(url, params={"query": f"sum({query})"}, timeout=SECONDS)
        .raise_for_status()
        .json()["data"]["result"]
    )
    return float(result[0]["value"][1]) if result else 0.0


def processes(clone: Clone, service: str) -> list[dict[str, str]]:
    """Returns /proc/PID/status of every process in the service's container, its init first."""
    first = clone.container(service)["State"]["Pid"]
    found = []
    for pid in [first, *_children(first)]:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        found.append({key: value.strip() for key, _, value in (line.partition(":") for line in lines)})
    return found


def _children(pid: int) -> list[int]:
    own = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*own, *(grandchild for child in own for grandchild in _children(child))]


def test_each_service_starts_after_the_services_that_it_needs_are_healthy(started: Started) -> None:
    said = started.said.splitlines()

    def line(service: str, state: str) -> int:
        wanted = ["Container", f"stegmaier-lms-{service}-1", state]
        return next(number for number, each in enumerate(said) if each.split() == wanted)

    for service in ("redis", "bugsink", "collector", "ferretdb"):
        assert line(service, "Healthy") < line("app", "Starting"), started.said
    assert line("collector", "Healthy") < line("canary", "Starting"), started.said
    assert f"{started.clone.url('LMS_PORT')}/docs" in started.said


def test_status_names_what_is_absent_and_nothing_else(clone: Clone) -> None:
    status, said = clone.stack("status")
    wrong = {line.split()[0] for line in said.splitlines() if " is unhealthy: " in line}
    assert (status, wrong) == (1, ABSENT), said


@pytest.mark.parametrize("service", RUNNING)
def test_a_container_has_no_rights_and_cannot_write_to_its_image(service: str, clone: Clone) -> None:
    described: dict[str, Any] = clone.container(service)
    assert described["HostConfig"]["ReadonlyRootfs"] is True
    user = SERVICES[service].get("user", "10001:10001").split(":")
    for process in processes(clone, service):
        assert (process["Uid"].split()[0], process["Gid"].split()[0]) == tuple(user), process["Name"]
        rights = {name: int(process[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
        assert set(rights.values()) == {0}, process["Name"]
        assert (process["NoNewPrivs"], process["Seccomp"]) == ("1", "2")
    if service != "collector":  # it has no shell
        said = clone.compose("exec", "-T", service, "sh", "-c", "touch /new 2>&1 || true")
        assert "Read-only file system" in said


@pytest.mark.parametrize("service", RUNNING)
def test_the_kernel_holds_a_container_to_its_limits(service: str, clone: Clone) -> None:
    unit = {"m": 2**20, "g": 2**30}
    limit = SERVICES[service]["mem_limit"]
    described = clone.container(service)["HostConfig"]
    assert described["Memory"] == int(limit[:-1]) * unit[limit[-1]]
    groups = Path(f"/proc/{clone.container(service)['State']['Pid']}/cgroup").read_text().splitlines()
    paths = {kind: path for _, kind, path in (line.split(":", 2) for line in groups)}
    files = {"memory": "memory.limit_in_bytes", "pids": "pids.max"}
    if "memory" in paths:  # cgroup 1
        found = {
            kind: Path(f"/sys/fs/cgroup/{kind}{paths[kind]}/{file}").read_text()
            for kind, file in files.items()
        }
        assert {kind: int(value) for kind, value in found.items()} == {
            "memory": described["Memory"],
            "pids": 512,
        }


@pytest.mark.parametrize("service", RUNNING)
def test_a_container_is_published_on_loopback_only(service: str, clone: Clone) -> None:
    ports = clone.container(service)["NetworkSettings"]["Ports"]
    addresses = {each["HostIp"] for bound in ports.values() for each in bound or ()}
    assert addresses == ({"127.0.0.1"} if "ports" in SERVICES[service] else set())


def test_the_secrets_are_those_of_the_env_file(clone: Clone) -> None:
    environment = clone.environment()
    admin = environment.app.admin_password.get_secret_value()
    assert token(clone, environment.app.admin_email, admin)
    assert "NOAUTH" in clone.compose("exec", "-T", "redis", "redis-cli", "ping")
    password = environment.stack.redis_password.get_secret_value()
    asked = ("redis-cli", "--no-auth-warning", "-a", password, "ping")
    assert clone.compose("exec", "-T", "redis", *asked).strip() == "PONG"


def test_the_collector_takes_data_only_with_the_token(clone: Clone) -> None:
    program = """
import sys, urllib.error, urllib.request
for token in ("planted", open("/run/secrets/otlp_token").read()):
    headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
    request = urllib.request.Request("http://collector:4318/v1/traces", b"{}", headers)
    try:
        print(urllib.request.urlopen(request).status)
    except urllib.error.HTTPError as error:
        print(error.code)
"""
    assert clone.compose("exec", "-T", "canary", "python", "-c", program).split() == ["401", "200"]


def test_a_failed_request_is_in_the_metrics_and_in_the_error_tracker(clone: Clone, student: str) -> None:
    before, request_id = total(clone, FAILED), f"docker-{secrets.token_hex(8)}"
    headers = {**token(clone, student, PASSWORD), "X-Request-ID": request_id}
    answer = httpx.post(f"{clone.url('LMS_PORT')}/api/v1/demo/transcripts", headers=headers, timeout=SECONDS)
    assert (answer.status_code, answer.json()["request_id"]) == (500, request_id)
    wait_until(lambda: total(clone, FAILED) == before + 1, "the counter of its route rises by one")
    wait_until(lambda: request_id in issues(clone), "the error tracker has the issue")
    assert issues(clone)[request_id] == answer.json()["trace_id"]


def test_what_the_absent_stores_would_get_waits_in_queues_on_disk(clone: Clone) -> None:
    def filled(store: str) -> bool:
        return total(clone, f'otelcol_exporter_queue_size{{exporter=~".*{store}.*"}}') > 0

    wait_until(lambda: filled("loki") and filled("tempo"), "both queues fill")


def test_a_killed_program_comes_back(clone: Clone, student: str) -> None:
    killed = clone.container("redis")
    os.kill(int(processes(clone, "redis")[-1]["Pid"]), signal.SIGKILL)
    wait_until(
        lambda: clone.container("redis")["State"]["StartedAt"] != killed["State"]["StartedAt"], "it restarts"
    )
    wait_until(lambda: clone.container("redis")["State"]["Health"]["Status"] == "healthy", "it is healthy")
    assert token(clone, student, PASSWORD)


def test_a_program_that_hangs_is_killed_by_its_health_check_and_comes_back(clone: Clone) -> None:
    hanging = clone.container("prometheus")
    os.kill(int(processes(clone, "prometheus")[-1]["Pid"]), signal.SIGSTOP)
    wait_until(
        lambda: clone.container("prometheus")["State"]["StartedAt"] != hanging["State"]["StartedAt"],
        "it restarts",
    )
    wait_until(
        lambda: clone.container("prometheus")["State"]["Health"]["Status"] == "healthy", "it is healthy"
    )


def test_volumes_survive_down_and_up_and_only_clean_removes_them(clone: Clone, student: str) -> None:
    counted, reported = total(clone, FAILED), issues(clone)
    assert counted
    status, said = clone.stack("down")
    assert status == 0, said
    left = clone.engine.left()
    assert (left["containers"], left["networks"]) == ([], [])
    kept = {"alertmanager", "bugsink", "collector", "ferretdb", "prometheus", "redis"}
    assert {name.removeprefix("stegmaier-lms_") for name in left["volumes"]} == kept

    status, said = clone.stack("up", BUILT="yes")
    assert status == 0, said
    assert token(clone, student, PASSWORD)
    assert issues(clone) == reported
    assert total(clone, f"max_over_time({FAILED}[1h])") >= counted

    status, said = clone.stack("clean", FORCE="1")
    assert status == 0, said
    assert set(clone.engine.left()["volumes"]) <= {"stegmaier-lms_ferretdb"}
    assert not clone.data.exists()
