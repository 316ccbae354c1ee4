"""The commands that drive Docker Compose, and their messages."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from stack import compose
from stack.compose import TARGETS, DockerStack, main
from stack.compose_program import command
from stack.native.tools import tool_path
from stack.settings import REPOSITORY, SettingsError
from tests.fake_docker import FakeDocker, Play
from tests.programs import free_port
from tests.stack.compose import SERVICES, resolve, stack_in


@pytest.fixture(name="no_daemon")
def _no_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Only the real Docker Compose is on PATH, no daemon answers it, and the settings are broken."""
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


def test_every_published_address_is_printed(docker: DockerStack, model: dict[str, Any]) -> None:
    published = {
        port["published"] for service in model["services"].values() for port in service.get("ports", [])
    }
    assert {address.split("/")[2].split(":")[1] for _, address, _ in docker.addresses()} == published


def test_configured_ports_are_published(tmp_path: Path) -> None:
    stack = stack_in(tmp_path, STACK_PORT_GRAFANA="3999", LMS_PORT="8999")
    services = json.loads(resolve(stack, "config", "--format", "json").stdout)["services"]
    assert services["grafana"]["ports"][0]["published"] == "3999"
    assert services["app"]["ports"][0]["published"] == "8999"
    assert services["app"]["ports"][0]["target"] == 8000


def test_each_scrape_job_has_a_target_that_is_a_service(docker: DockerStack) -> None:
    jobs = yaml.safe_load((docker.folder / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    assert {job["job_name"] for job in jobs} == set(TARGETS)
    hosts = {address.split(":")[0] for address in TARGETS.values() if address}
    assert hosts - {"127.0.0.1"} <= set(SERVICES)


def test_a_second_start_keeps_generated_secrets_and_drops_stale_rules(tmp_path: Path) -> None:
    stack = stack_in(tmp_path)
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


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("2.24.3", "Docker Compose 2.24.4 or newer is needed, this is 2.24.3: update it"),
        (
            "podman-compose version: 1.5.0",
            "Docker Compose 2.24.4 or newer is needed, this is 1.5.0: update it",
        ),
        ("2.24.4", None),
        ("v2.40.3-desktop.1", None),
        ("5.0.1", None),
    ],
)
def test_a_compose_that_cannot_read_the_file_is_refused(
    version: str, said: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeDocker(tmp_path, Play(version=version)).install()
    monkeypatch.setenv("PATH", str(tmp_path))
    if said is None:
        assert command() == [str(tmp_path / "docker"), "compose"]
        return
    with pytest.raises(SettingsError) as caught:
        command()
    assert str(caught.value) == said


@pytest.mark.parametrize("on", [True, False])
def test_where_selinux_is_on_containers_may_read_the_files(
    on: bool,  # noqa: FBT001 - pytest gives parameters by name
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`chcon` is a fake that writes its arguments down: this kernel has no SELinux."""
    said, enforce, program = tmp_path / "said", tmp_path / "enforce", tmp_path / "chcon"
    program.write_text(f'#!/bin/sh\necho "$@" > {said}\n')
    program.chmod(0o755)
    enforce.touch() if on else None
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(compose, "SELINUX", enforce)
    stack = stack_in(tmp_path)
    assert said.exists() == on
    if on:
        assert said.read_text() == f"--recursive --type=container_file_t {stack.folder}\n"
