"""docker-compose.yml, as Docker Compose itself resolves it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.core.settings import load_settings
from otel.config.settings import TelemetryConfig
from stack.compose import DockerStack
from stack.native.tools import tool_path
from stack.settings import REPOSITORY
from tests.stack.compose import SERVICES, resolve, stack_in

# What people open; everything else is reachable on the internal networks only.
PUBLISHED = {"app", "canary", "prometheus", "alertmanager", "grafana", "bugsink", "mailpit"}
CONTRIB = "otel/opentelemetry-collector-contrib:0.158.0"
NO_HEALTH_CHECK = {"collector-prepare": "it ends, and the collector waits for its success"}
ROOT = {"collector-prepare": "changes the owner of a volume, once"}
NO_SHELL = ("loki", "tempo")


def seconds(duration: str) -> int:
    """Returns the seconds of a duration as Compose prints it: 1m15s."""
    parts = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s)?", duration)
    assert parts
    return int(parts[1] or 0) * 60 + int(parts[2] or 0)


@pytest.fixture(name="service", params=SERVICES)
def _service(model: dict[str, Any], request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"name": request.param, **model["services"][request.param]}


def test_compose_accepts_the_file_of_a_fresh_clone_without_a_dotenv() -> None:
    file = REPOSITORY / "docker-compose.yml"
    command = [
        str(tool_path("docker-compose")),
        "--env-file",
        os.devnull,
        "--file",
        str(file),
        "config",
        "--quiet",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env={"PATH": ""})
    assert (done.returncode, done.stderr) == (0, "")


def test_a_service_may_write_nowhere_and_do_nothing_special(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service.get("cap_add", []) == (["CHOWN"] if service["name"] in ROOT else [])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")
    assert not {"pid", "ipc", "devices"} & set(service)
    assert service.get("network_mode") in {None, "none"}


def test_a_service_does_not_run_as_root(service: dict[str, Any]) -> None:
    if service["name"] == "app":
        users = re.findall(r"^USER (.+)$", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE)
        assert users == ["10001:10001"]
    else:
        assert service["user"].startswith("0:") == (service["name"] in ROOT)


def test_an_image_is_pinned(service: dict[str, Any]) -> None:
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+(-alpine|-musl)?", service["image"])


def test_a_service_has_a_health_check(service: dict[str, Any]) -> None:
    assert ("healthcheck" in service) == (service["name"] not in NO_HEALTH_CHECK)
    if "healthcheck" in service:
        assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
        assert "start_interval" not in service["healthcheck"], "needs Docker Engine 25"


def test_a_service_that_hangs_is_killed_by_its_health_check_and_started_again(
    service: dict[str, Any],
) -> None:
    """tests/stack/test_hanging.py runs the checks; the images of Loki and Tempo have no shell."""
    if service["name"] in {*NO_HEALTH_CHECK, *NO_SHELL}:
        return
    check = service["healthcheck"]
    words = " ".join(check["test"])
    waits = re.search(r"(?:timeout |-wait=)(\d+)", words)
    assert waits
    assert int(waits[1]) < seconds(check["timeout"]), "Docker would end the check first"
    assert "kill" in words
    # PID 1 cannot be killed from inside, and a program that ends must start again.
    assert (service["init"], service["restart"]) == (True, "unless-stopped")


def test_files_of_this_machine_are_labelled_for_selinux_and_its_root_never_is(
    service: dict[str, Any],
) -> None:
    binds = [mount for mount in service.get("volumes", []) if mount["type"] == "bind"]
    labels = {mount["source"]: mount["bind"].get("selinux") for mount in binds}
    assert {source: label for source, label in labels.items() if (label == "z") == (source == "/")} == {}


def test_only_what_a_person_opens_is_published_and_only_here(service: dict[str, Any]) -> None:
    ports = service.get("ports", [])
    assert bool(ports) == (service["name"] in PUBLISHED)
    assert {port["host_ip"] for port in ports} <= {"127.0.0.1"}
    assert ("edge" in service.get("networks", {})) == (service["name"] in PUBLISHED)


def test_a_service_is_bounded(service: dict[str, Any]) -> None:
    assert int(service["mem_limit"]) > 0
    assert service["pids_limit"] > 0
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}


def test_a_service_starts_after_what_it_needs(service: dict[str, Any], model: dict[str, Any]) -> None:
    for name, wanted in service.get("depends_on", {}).items():
        needed = model["services"][name]
        assert wanted["condition"] == "service_started" or ("healthcheck" in needed) == (
            wanted["condition"] == "service_healthy"
        )


def test_the_platform_starts_when_what_it_needs_serves(model: dict[str, Any]) -> None:
    needed = model["services"]["app"]["depends_on"]
    assert set(needed) == {"mongo", "redis", "bugsink", "collector"}
    assert {wanted["condition"] for wanted in needed.values()} == {"service_healthy"}
    # The user's own server replaces ours.
    assert {name for name, wanted in needed.items() if wanted["required"]} == {"collector"}


def test_what_must_survive_is_in_a_volume_with_a_name(model: dict[str, Any]) -> None:
    kept = {
        name: {mount["source"] for mount in service.get("volumes", []) if mount["type"] == "volume"}
        for name, service in model["services"].items()
    }
    stores = ("mongo", "redis", "prometheus", "alertmanager", "loki", "tempo", "grafana", "bugsink")
    assert {name: kept[name] for name in stores} == {name: {name} for name in stores}
    assert kept["collector"] == {"collector"}
    assert kept["app"] == kept["canary"] == kept["mailpit"] == set()


def test_the_other_networks_are_internal(model: dict[str, Any]) -> None:
    assert {name for name, network in model["networks"].items() if not network.get("internal")} == {"edge"}


def test_no_secret_is_in_the_model(docker: DockerStack, model: dict[str, Any]) -> None:
    text = json.dumps(model)
    values = docker.environment.values
    secret = [value for key, value in values.items() if re.search("PASSWORD|SECRET|TOKEN|KEY", key)]
    assert len(secret) >= 8
    assert [value for value in secret if value in text] == []


def test_every_secret_and_mount_is_there(docker: DockerStack, model: dict[str, Any]) -> None:
    files = {Path(secret["file"]) for secret in model["secrets"].values()}
    assert {path.name for path in files} == {path.name for path in (docker.folder / "secrets").iterdir()}
    mounts = [mount for service in model["services"].values() for mount in service.get("volumes", [])]
    binds = {Path(mount["source"]) for mount in mounts if mount["type"] == "bind"}
    assert [path for path in files | binds if not path.exists()] == []
    assert all(mount.get("read_only") for mount in mounts if mount["type"] == "bind")


def test_containers_can_read_the_files_and_nobody_else_the_folder(docker: DockerStack) -> None:
    assert docker.folder.stat().st_mode & 0o777 == 0o700
    modes = {(path.is_dir(), path.stat().st_mode & 0o777) for path in docker.folder.rglob("*")}
    assert modes == {(True, 0o755), (False, 0o644)}


def test_a_strict_umask_changes_nothing_of_that(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        stack = stack_in(tmp_path)
        stack.write()
    finally:
        os.umask(before)
    test_containers_can_read_the_files_and_nobody_else_the_folder(stack)


def test_the_users_own_server_replaces_ours(tmp_path: Path) -> None:
    own = {
        "MONGODB_URL": "mongodb://db.example/lms",
        "REDIS_URL": "redis://cache.example/0",
        "LOKI_URL": "http://logs.example:3100",
        "STACK_MAIL_TO": "on-call@lms.example",
        "STACK_MAIL_SMARTHOST": "mail.example:25",
    }
    stack = stack_in(tmp_path, **own)
    done = resolve(stack, "config", "--services")
    assert set(SERVICES) - set(done.stdout.split()) == {"mongo", "redis", "loki", "mailpit", *ROOT}, (
        done.stderr
    )
    assert (stack.folder / "secrets" / "mongodb_url").read_text() == own["MONGODB_URL"]
    model = json.loads(resolve(stack, "config", "--format", "json").stdout)["services"]
    assert model["app"]["environment"]["LMS_LOKI_URL"] == own["LOKI_URL"]
    for name in ("collector", "canary", "grafana"):
        assert model[name]["environment"]["LOKI_URL"] == own["LOKI_URL"]
        assert "edge" in model[name]["networks"], "it is on another machine"
    assert (stack.folder / "prometheus" / "targets" / "loki.json").read_text() == "[]"


def test_the_platform_reads_its_settings_from_the_files(docker: DockerStack) -> None:
    given = docker.environment.app
    read = load_settings({"LMS_SECRETS_DIR": str(docker.folder / "secrets")})
    for name in ("jwt_secret", "certificate_key", "admin_password", "metrics_token", "alerts_token"):
        assert getattr(read, name) == getattr(given, name)
    assert read.mongodb_url.endswith("@mongo:27017/lms?authSource=admin")
    assert read.redis_url.endswith("@redis:6379/0")


def test_the_platform_reaches_the_stores_that_its_monitoring_api_asks(
    docker: DockerStack, model: dict[str, Any]
) -> None:
    app = model["services"]["app"]
    settings = load_settings({**app["environment"], "LMS_SECRETS_DIR": str(docker.folder / "secrets")})
    asked = (settings.prometheus_url, settings.alertmanager_url, settings.loki_url, settings.tempo_url)
    assert asked == tuple(
        f"http://{where}" for where in ("prometheus:9090", "alertmanager:9093", "loki:3100", "tempo:3200")
    )
    for name in ("prometheus", "alertmanager", "loki", "tempo"):
        assert set(model["services"][name]["networks"]) & set(app["networks"])
    assert not {key for key in docker.app_environment() if key.endswith("_URL") and key.startswith("LMS_")}


def test_a_store_of_the_users_own_is_the_one_that_is_asked(tmp_path: Path) -> None:
    own = {"LMS_VICTORIALOGS_URL": "http://logs.example:9428", "LMS_PROMETHEUS_URL": "http://metrics.example"}
    stack = stack_in(tmp_path, **own)
    app = json.loads(resolve(stack, "config", "--format", "json").stdout)["services"]["app"]
    secrets = {"LMS_SECRETS_DIR": str(stack.folder / "secrets")}
    environ = {**app["environment"], **stack.app_environment(), **secrets}
    settings = load_settings({key: value for key, value in environ.items() if key.startswith("LMS_")})
    assert (settings.victorialogs_url, settings.loki_url) == (own["LMS_VICTORIALOGS_URL"], None)
    assert settings.prometheus_url == own["LMS_PROMETHEUS_URL"]
    assert settings.tempo_url == "http://tempo:3200"


def test_a_shell_reads_the_variables_as_they_are(docker: DockerStack) -> None:
    script = f". {docker.folder / 'secrets' / 'app_env'} && env -0"
    command = ["/bin/sh", "-a", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={})
    environ = dict(entry.split("=", 1) for entry in done.stdout.split("\0") if entry)
    assert environ.items() >= docker.app_environment().items()
    assert environ["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://collector:4318"
    assert "@bugsink:8000/" in environ["SENTRY_DSN"]
    TelemetryConfig.from_env(environ)


def test_bugsink_has_every_variable_that_its_settings_and_its_preparation_ask_for(
    docker: DockerStack, model: dict[str, Any]
) -> None:
    service = model["services"]["bugsink"]
    sources = [
        REPOSITORY / "stack" / "native" / "bugsink" / f"{name}.py.in" for name in ("bugsink_conf", "prepare")
    ]
    asked = {key for path in sources for key in re.findall(r'os\.environ\["(\w+)"', path.read_text())}
    secret = re.findall(r"^(\w+)=", (docker.folder / "secrets" / "bugsink_env").read_text(), re.MULTILINE)
    assert len(asked) >= 7
    assert asked <= {*service["environment"], *secret}
    assert service["image"].endswith(f":{service['environment']['BUGSINK_VERSION']}")
    assert "bugsink" in service["environment"]["BUGSINK_HOSTS"].split(",")


def test_prometheus_and_alertmanager_accept_what_is_mounted(docker: DockerStack) -> None:
    checks: list[tuple[str, ...]] = [
        ("promtool", "check", "config", str(docker.folder / "prometheus" / "prometheus.yml")),
        ("amtool", "check-config", str(docker.folder / "alertmanager" / "alertmanager.yml")),
    ]
    for tool, *arguments in checks:
        command = [str(tool_path(tool)), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
