"""docker-compose.yml, as Docker Compose itself resolves it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.core.settings import load_settings
from otel.config import TelemetryConfig
from stack import collector
from stack.compose import TARGETS, DockerStack, main
from stack.environment import load, write
from stack.native.tools import tool_path
from stack.settings import REPOSITORY
from tests.config.programs import free_port

SERVICES = sorted(yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"])
# What a person opens; all else is reached on the internal networks only.
PUBLISHED = {"app", "prometheus", "alertmanager", "grafana", "bugsink", "mailpit"}
NO_HEALTH_CHECK = {"collector-prepare": "it ends, and the collector waits for its success"}
ROOT = {"collector-prepare": "changes the owner of a volume, once"}


@pytest.fixture(name="docker", scope="module")
def _docker(tmp_path_factory: pytest.TempPathFactory) -> DockerStack:
    """The stack of a generated .env, its files written."""
    return _stack(tmp_path_factory.mktemp("docker"))


def _stack(folder: Path, **variables: str) -> DockerStack:
    dotenv = folder / ".env"
    write(dotenv)
    with dotenv.open("a") as file:
        file.writelines(
            f"{key}={value}\n" for key, value in {"STACK_DATA_DIR": folder / "data", **variables}.items()
        )
    stack = DockerStack(load(dotenv, {}))
    stack.write()
    return stack


def _resolve(stack: DockerStack, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What Docker Compose makes of the files, the profiles and the variables of this stack."""
    dotenv = stack.folder.parent.parent / ".env"
    command = [str(tool_path("docker-compose")), "--env-file", str(dotenv), *stack.arguments(), *arguments]
    environ = {"PATH": os.environ["PATH"], "HOME": str(dotenv.parent), **stack.variables()}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environ)  # noqa: S603 - our tool


@pytest.fixture(name="model", scope="module")
def _model(docker: DockerStack) -> dict[str, Any]:
    done = _resolve(docker, "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    resolved: dict[str, Any] = json.loads(done.stdout)
    return resolved


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
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env={"PATH": ""})  # noqa: S603 - our tool
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


def test_a_service_tells_its_health(service: dict[str, Any]) -> None:
    assert ("healthcheck" in service) == (service["name"] not in NO_HEALTH_CHECK)
    if "healthcheck" in service:
        assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
        assert "start_interval" not in service["healthcheck"], "needs Docker Engine 25"


def test_only_what_a_person_opens_is_published_and_only_here(service: dict[str, Any]) -> None:
    ports = service.get("ports", [])
    assert bool(ports) == (service["name"] in PUBLISHED)
    assert {port["host_ip"] for port in ports} <= {"127.0.0.1"}
    assert ("edge" in service.get("networks", {})) == (service["name"] in PUBLISHED)


def test_a_service_is_bounded(service: dict[str, Any]) -> None:
    assert int(service["mem_limit"]) > 0
    assert service["pids_limit"] > 0
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}


def test_the_other_networks_lead_nowhere(model: dict[str, Any]) -> None:
    assert {name for name, network in model["networks"].items() if not network.get("internal")} == {"edge"}


def test_no_secret_stands_in_the_model(docker: DockerStack, model: dict[str, Any]) -> None:
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
    assert modes == {(True, 0o755), (False, 0o444)}


def test_a_strict_umask_changes_nothing_of_that(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        stack = _stack(tmp_path)
        stack.write()
    finally:
        os.umask(before)
    test_containers_can_read_the_files_and_nobody_else_the_folder(stack)


def test_the_collector_has_the_fragments_and_variables_of_its_preset(model: dict[str, Any]) -> None:
    service = model["services"]["collector"]
    fragments = collector.fragments("all-in-one", service["environment"])
    assert service["command"] == [f"--config=/etc/otelcol/{path.name}" for path in fragments]
    required = {name for path in fragments for name in re.findall(r"\$\{env:([A-Z_]+)\}", path.read_text())}
    assert required <= set(service["environment"])


def test_sentry_adds_its_fragments_and_a_way_out(tmp_path: Path) -> None:
    stack = _stack(tmp_path, STACK_SENTRY_OTLP="true", SENTRY_DSN="https://0123456789abcdef@sentry.example/7")
    services = json.loads(_resolve(stack, "config", "--format", "json").stdout)["services"]
    service = services["collector"]
    fragments = collector.fragments("all-in-one", service["environment"])
    assert service["command"] == [f"--config=/etc/otelcol/{path.name}" for path in fragments]
    assert service["environment"]["SENTRY_OTLP_URL"] == "https://sentry.example/api/7/integration/otlp"
    assert "edge" in service["networks"]
    assert "bugsink" not in services


def test_a_server_of_ones_own_replaces_ours(tmp_path: Path) -> None:
    own = {
        "MONGODB_URL": "mongodb://db.example/lms",
        "REDIS_URL": "redis://cache.example/0",
        "STACK_MAIL_TO": "on-call@lms.example",
        "STACK_MAIL_SMARTHOST": "mail.example:25",
    }
    stack = _stack(tmp_path, **own)
    done = _resolve(stack, "config", "--services")
    assert set(SERVICES) - set(done.stdout.split()) == {"mongo", "redis", "mailpit"}, done.stderr
    assert (stack.folder / "secrets" / "mongodb_url").read_text() == own["MONGODB_URL"]


def test_the_platform_reads_its_settings_from_the_files(docker: DockerStack) -> None:
    given = docker.environment.app
    read = load_settings({"LMS_SECRETS_DIR": str(docker.folder / "secrets")})
    for name in ("jwt_secret", "certificate_key", "admin_password", "metrics_token"):
        assert getattr(read, name) == getattr(given, name)
    assert read.mongodb_url.endswith("@mongo:27017/lms?authSource=admin")
    assert read.redis_url.endswith("@redis:6379/0")


def test_a_shell_reads_the_variables_as_they_are(docker: DockerStack) -> None:
    script = f". {docker.folder / 'secrets' / 'app_env'} && env -0"
    command = ["/bin/sh", "-a", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={})  # noqa: S603 - our file
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
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - our tools
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(name="no_daemon")
def _no_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Only the real Docker Compose is on PATH, nothing answers it, and the settings are broken."""
    (tmp_path / "docker-compose").symlink_to(tool_path("docker-compose"))
    host = f"tcp://127.0.0.1:{free_port()}"
    for key, value in {"PATH": str(tmp_path), "DOCKER_HOST": host, "LMS_PROT": "8000"}.items():
        monkeypatch.setenv(key, value)
    return host


def test_broken_settings_stop_a_start(no_daemon: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["up"]) == 1
    assert "LMS_PROT" in (said := capfd.readouterr().err)
    assert no_daemon not in said


@pytest.mark.parametrize("command", ["down", "ps"])
def test_broken_settings_stop_nothing_else(
    command: str, no_daemon: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([command]) != 0
    assert no_daemon in capfd.readouterr().err


def test_without_docker_compose_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["ps"]) == 1
    assert capsys.readouterr().err.startswith("Docker Compose is not installed")


def test_a_person_is_told_every_published_address(docker: DockerStack, model: dict[str, Any]) -> None:
    published = {
        port["published"] for service in model["services"].values() for port in service.get("ports", [])
    }
    assert {address.split("/")[2].split(":")[1] for _, address, _ in docker.addresses()} == published


def test_ports_of_ones_own_are_published(tmp_path: Path) -> None:
    stack = _stack(tmp_path, STACK_PORT_GRAFANA="3999", LMS_PORT="8999")
    services = json.loads(_resolve(stack, "config", "--format", "json").stdout)["services"]
    assert services["grafana"]["ports"][0]["published"] == "3999"
    assert services["app"]["ports"][0]["published"] == "8999"
    assert services["app"]["ports"][0]["target"] == 8000


def test_each_scrape_job_has_a_target_that_is_a_service(docker: DockerStack) -> None:
    jobs = yaml.safe_load((docker.folder / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    assert {job["job_name"] for job in jobs} == set(TARGETS)
    hosts = {address.split(":")[0] for address in TARGETS.values() if address}
    assert hosts - {"127.0.0.1"} <= set(SERVICES)


def test_a_second_start_keeps_generated_secrets_and_drops_stale_rules(tmp_path: Path) -> None:
    stack = _stack(tmp_path)
    password = (stack.folder / "secrets" / "grafana_password").read_text()
    stale = stack.folder / "prometheus" / "rules" / "gone.yml"
    stale.write_text("groups: []\n")
    stack.write()
    assert (stack.folder / "secrets" / "grafana_password").read_text() == password
    assert not stale.exists()


def test_grafana_links_lead_to_sources_that_exist() -> None:
    folder = REPOSITORY / "grafana" / "provisioning" / "datasources"
    sources = yaml.safe_load((folder / "datasources.yaml").read_text())["datasources"]
    linked = set(re.findall(r'"(?:datasourceUid|alertmanagerUid)": "([^"]+)"', json.dumps(sources)))
    assert linked == {"prometheus", "tempo", "loki", "alertmanager"} == {source["uid"] for source in sources}
    assert all(source["editable"] is False for source in sources)
    hosts = {re.fullmatch(r"http://([a-z]+):\d+", source["url"]) for source in sources}
    assert {match[1] for match in hosts if match} <= set(SERVICES)
