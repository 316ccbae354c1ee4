"""The Collector of docker-compose.yml: its image, its configuration, and a stock Collector in its place."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from collector_kit.fragments import fragments
from stack.compose import DockerStack
from stack.containers import services
from stack.native.tools import tool_path
from stack.settings import REPOSITORY
from tests.stack.compose import SERVICES, resolve, stack_in

CONTRIB = "otel/opentelemetry-collector-contrib:0.158.0"
PREPARE = "collector-prepare"


def test_the_collector_has_the_fragments_and_variables_of_its_preset(model: dict[str, Any]) -> None:
    service = model["services"]["collector"]
    files = fragments("all-in-one", {"COLLECTOR_LEAN_BUILD": "1", **service["environment"]})
    assert service["command"] == [f"--config=/etc/otelcol/{path.name}" for path in files]
    assert "mask.yaml" in {path.name for path in files}
    required = {name for path in files for name in re.findall(r"\$\{env:([A-Z_]+)\}", path.read_text())}
    assert required <= set(service["environment"])


def test_the_arguments_written_in_the_file_are_those_that_a_start_passes(docker: DockerStack) -> None:
    command = [
        str(tool_path("docker-compose")),
        "--project-directory",
        str(REPOSITORY),
        "config",
        "--format",
        "json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env={"PATH": ""})
    written = json.loads(done.stdout)["services"]["collector"]["command"]
    assert written == docker.variables()["COLLECTOR_ARGUMENTS"].split()


@pytest.mark.parametrize(
    "sentry", [{}, {"STACK_SENTRY_OTLP": "true", "SENTRY_DSN": "https://0@sentry.example/7"}]
)
def test_a_stock_collector_replaces_ours(sentry: dict[str, str], tmp_path: Path) -> None:
    stack = stack_in(tmp_path, COLLECTOR_IMAGE=CONTRIB, **sentry)
    model = json.loads(resolve(stack, "config", "--format", "json").stdout)["services"]
    service = model["collector"]
    assert (service["image"], service.get("build")) == (CONTRIB, None)
    files = fragments("all-in-one", service["environment"])
    assert service["command"] == [f"--config=/etc/otelcol/{path.name}" for path in files]
    assert {"mask.yaml"} & {path.name for path in files} == set()
    # Its image has no folder that belongs to its user and no program for the health check.
    assert service["depends_on"][PREPARE]["condition"] == "service_completed_successfully"
    assert services(stack)[PREPARE]["restart"] == "no", "`make status` accepts that it has exited"
    probe = [mount for mount in service["volumes"] if mount["source"] == "probe"]
    assert service["healthcheck"]["test"][1].startswith(probe[0]["target"])


def test_without_a_stock_collector_nothing_runs_as_root(docker: DockerStack) -> None:
    done = resolve(docker, "config", "--services")
    assert set(SERVICES) - set(done.stdout.split()) == {PREPARE}


def test_sentry_adds_its_fragments_and_a_way_out(tmp_path: Path) -> None:
    stack = stack_in(
        tmp_path, STACK_SENTRY_OTLP="true", SENTRY_DSN="https://0123456789abcdef@sentry.example/7"
    )
    model = json.loads(resolve(stack, "config", "--format", "json").stdout)["services"]
    service = model["collector"]
    files = fragments("all-in-one", {"COLLECTOR_LEAN_BUILD": "1", **service["environment"]})
    assert service["command"] == [f"--config=/etc/otelcol/{path.name}" for path in files]
    assert service["environment"]["SENTRY_OTLP_URL"] == "https://sentry.example/api/7/integration/otlp"
    assert "edge" in service["networks"]
    assert "bugsink" not in model
