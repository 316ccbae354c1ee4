"""The make commands with Docker. There is no daemon: `docker` is `tests.fake_docker`."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from stack import docker
from stack.compose import DockerStack
from stack.containers import DockerError, parsed, published, services
from stack.demo.catalogue import DemoError
from stack.dotenv_file import read
from stack.environment import Environment, load, write
from stack.native.ports import free_ports
from stack.native.status import STOPPED
from stack.settings import REPOSITORY
from tests.fake_docker import TABLE, FakeDocker, Play, container

UP = ["--build", "--detach", "--wait", "--remove-orphans"]
Install = Callable[[Play], FakeDocker]


@pytest.fixture(name="environment")
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """Settings of a generated .env with free ports, which override those of the checkout."""
    write(tmp_path / ".env")
    values = {**read(tmp_path / ".env"), "STACK_DATA_DIR": str(tmp_path / "data"), "STACK": "docker"}
    variables = [each.variable for each in published(DockerStack(load(tmp_path / ".env", {})))]
    ports = zip(variables, map(str, free_ports(len(variables))), strict=True)
    for key, value in {**values, **dict(ports)}.items():
        monkeypatch.setenv(key, value)
    return load()


@pytest.fixture(name="install")
def _install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts the fake on PATH, alone."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def install(play: Play) -> FakeDocker:
        fake = FakeDocker(folder, play)
        fake.install()
        return fake

    return install


def project(environment: Environment, **others: dict[str, Any]) -> list[dict[str, Any]]:
    """Every service's container in its expected state, except ``others``."""
    well = {name: container(name) for name in services(DockerStack(environment))}
    changed = {each["Service"]: each for each in others.values()}
    return list({**well, **changed}.values())


def test_a_start_waits_for_health_and_says_where_to_look(
    environment: Environment, install: Install, capfd: pytest.CaptureFixture[str]
) -> None:
    fake = install(Play(after=project(environment)))
    docker.up(environment, demo=False)
    assert fake.arguments("up") == [UP]
    assert fake.arguments("down") == []
    assert f"http://127.0.0.1:{environment.app.port}/docs" in capfd.readouterr().out


def test_a_start_that_fails_shows_why_and_leaves_nothing_but_volumes(
    environment: Environment, install: Install, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = project(environment, one=container("loki", health="unhealthy"))
    fake = install(Play(after=broken, up_status=1))
    with pytest.raises(DockerError, match="`docker compose up` failed"):
        docker.up(environment, demo=False)
    assert (fake.now().now, fake.now().volumes) == ([], True)
    said = capfd.readouterr().out
    assert said.index("loki-1  | its last line") < said.index("Stopping what was started.")
    assert "tempo-1" not in said


def test_an_interrupted_start_leaves_nothing(
    environment: Environment, install: Install, capfd: pytest.CaptureFixture[str]
) -> None:
    fake = install(Play(after=project(environment), interrupts=True))
    with pytest.raises(KeyboardInterrupt):
        docker.up(environment, demo=False)
    assert fake.now().now == []
    ended, down = fake.asked()[-2:]
    assert (ended["arguments"], down["arguments"][0]) == (["ended"], "down"), "it could start more meanwhile"
    assert down["leads"], "a second Ctrl-C would end it"
    assert capfd.readouterr().out == "Stopping what was started.\n"


def test_a_demo_that_fails_takes_the_start_back(environment: Environment, install: Install) -> None:
    fake = install(Play(after=project(environment)))
    with pytest.raises(DemoError, match="No platform answers"):
        docker.up(environment, demo=True)
    assert fake.now().now == []


@pytest.mark.parametrize("end", [{"up_status": 1}, {"interrupts": True}])
def test_what_ran_before_is_left_alone(
    end: Mapping[str, Any], environment: Environment, install: Install, capfd: pytest.CaptureFixture[str]
) -> None:
    running = project(environment)
    fake = install(Play(now=running[:1], after=running, **end))
    with pytest.raises((DockerError, KeyboardInterrupt)):
        docker.up(environment, demo=False)
    assert fake.now().now == running
    assert "Stopping" not in capfd.readouterr().out


def test_what_was_stopped_did_not_run_before(environment: Environment, install: Install) -> None:
    fake = install(Play(now=[container("loki", "exited", "")], after=project(environment), up_status=1))
    with pytest.raises(DockerError):
        docker.up(environment, demo=False)
    assert fake.now().now == []


def test_taken_ports_are_refused_with_service_and_variable(
    environment: Environment, install: Install
) -> None:
    fake = install(Play(after=project(environment)))
    port = environment.stack.port_grafana
    with socket.create_server(("127.0.0.1", port)), pytest.raises(DockerError) as refused:
        docker.up(environment, demo=False)
    assert f"Port {port}, which grafana needs, is in use" in str(refused.value)
    assert "set STACK_PORT_GRAFANA to another port in .env" in str(refused.value)
    assert fake.arguments("up") == fake.arguments("down") == []


def test_ports_of_the_running_stack_are_its_own(environment: Environment, install: Install) -> None:
    fake = install(Play(now=project(environment), after=project(environment)))
    with socket.create_server(("127.0.0.1", environment.stack.port_grafana)):
        docker.up(environment, demo=False)
    assert fake.arguments("up") == [UP]


def test_every_published_port_is_looked_at(docker: DockerStack, model: dict[str, Any]) -> None:
    wanted = {(each.part, str(each.port)) for each in published(docker)}
    assert wanted == {
        (name, port["published"])
        for name, service in model["services"].items()
        for port in service.get("ports", [])
    }


def test_the_users_own_server_needs_no_port_of_ours(environment: Environment) -> None:
    values = {**environment.values, "SENTRY_DSN": "https://key@sentry.example/1"}
    own = DockerStack(Environment(values, environment.app, environment.stack))
    assert "bugsink" not in {each.part for each in published(own)}


@pytest.mark.parametrize("array", [True, False])
def test_a_healthy_stack(
    array: bool,  # noqa: FBT001 - pytest gives parameters by name
    environment: Environment,
    install: Install,
    capfd: pytest.CaptureFixture[str],
) -> None:
    install(Play(now=project(environment), array=array))
    assert docker.status()
    assert capfd.readouterr().out == TABLE


@pytest.mark.parametrize("array", [True, False])
@pytest.mark.parametrize(
    ("ill", "reason"),
    [
        (container("loki", health="unhealthy"), "unhealthy"),
        (container("app", health="starting"), "starting"),
        (container("tempo", "restarting", ""), "restarting"),
        (container("grafana", "exited", "", 0), "exited with 0"),
        (container("collector-prepare", "exited", "", 1), "exited with 1"),
    ],
)
def test_an_unhealthy_container_is_named(
    array: bool,  # noqa: FBT001 - pytest gives parameters by name
    ill: dict[str, Any],
    reason: str,
    environment: Environment,
    install: Install,
    capfd: pytest.CaptureFixture[str],
) -> None:
    install(Play(now=project(environment, ill=ill), array=array))
    assert not docker.status()
    assert capfd.readouterr().out == f"{TABLE}{ill['Service']} is unhealthy: {reason}\n"


def test_a_service_without_a_container_is_unhealthy(
    environment: Environment, install: Install, capfd: pytest.CaptureFixture[str]
) -> None:
    install(Play(now=[each for each in project(environment) if each["Service"] != "loki"]))
    assert not docker.status()
    assert capfd.readouterr().out == f"{TABLE}loki is unhealthy: has no container\n"


def test_a_one_off_container_is_not_a_part(environment: Environment, install: Install) -> None:
    aside = {**container("app", "exited", "", 1), "Name": "stegmaier-lms-app-run-0d1f"}
    install(Play(now=[aside, *project(environment), aside]))
    assert docker.status()
    install(Play(now=[aside, *(each for each in project(environment) if each["Service"] != "app")]))
    assert not docker.status()


@pytest.mark.parametrize("answer", ["", "\n", "[]", "[]\n"])
def test_no_container_is_an_empty_answer(answer: str) -> None:
    assert parsed(answer) == []


def stack(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stack", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, cwd=REPOSITORY, env=os.environ
    )


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("command", ["status", "demo"])
def test_a_stack_that_does_not_run_fails_with_the_remedy(command: str, install: Install) -> None:
    install(Play())
    done = stack(command)
    assert (done.returncode, done.stdout + done.stderr) == (1, f"{STOPPED}\n")


@pytest.mark.usefixtures("environment")
def test_logs_of_one_part_stop_on_request(install: Install) -> None:
    fake = install(Play())
    assert stack("logs", "loki").returncode == 0
    assert stack("logs", "--no-follow").returncode == 0
    assert fake.arguments("logs") == [["--follow", "--tail=20", "loki"], ["--tail=20"]]


def test_down_keeps_the_volumes_and_clean_removes_them(environment: Environment, install: Install) -> None:
    fake = install(Play(after=project(environment)))
    docker.up(environment, demo=False)
    assert stack("down").returncode == 0
    assert (fake.now().now, fake.now().volumes) == ([], True)
    assert stack("clean", "--force").returncode == 0
    assert not fake.now().volumes
    assert not environment.stack.folder.exists()
