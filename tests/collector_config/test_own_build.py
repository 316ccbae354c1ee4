"""Follows distribution/mask/README.md: another team builds `mask` into its own Collector, and runs it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
import yaml

from collector_kit.fragments import FRAGMENTS
from stack.native.probes import NO_CERTIFICATES
from stack.native.toolchain import go as golang
from stack.native.toolchain.build import Workshop
from stack.native.toolchain.cache import cache_dir
from stack.native.toolchain.catalogue import tool_of
from stack.native.toolchain.kinds import GoTool
from stack.native.toolchain.progress import Board
from tests.collector_config import intake, otlp_json
from tests.collector_config.bad_input import one_span
from tests.programs import Program, free_port

PAGE = FRAGMENTS / "distribution" / "mask" / "README.md"
PATIENCE = 1800

pytestmark = [pytest.mark.long, pytest.mark.timeout(PATIENCE)]


def _run(command: list[str], folder: Path, environ: dict[str, str]) -> None:
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


@pytest.fixture(name="team", scope="module")
def _team(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a copy of the kit and the page's files, in which the page's commands were run."""
    folder = tmp_path_factory.mktemp("team")
    shutil.copytree(FRAGMENTS, folder / FRAGMENTS.name)
    files = dict(re.findall(r"\*\*`([\w.]+)`\*\*.*?```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL))
    assert list(files) == ["manifest.yaml", "config.yaml"]
    for name, text in files.items():
        (folder / name).write_text(text)
    (install,) = re.findall(r"`(go install \S+)`", PAGE.read_text())
    (build,) = re.findall(r"`(builder --config manifest\.yaml)`", PAGE.read_text())
    go, environ = _go(folder)
    _run([str(go.command), *install.split()[1:]], folder, environ)
    _run([str(folder / "bin" / "builder"), *build.split()[1:]], folder, environ)
    return folder


def _go(folder: Path) -> tuple[golang.Go, dict[str, str]]:
    """Returns the Go that builds the tools, and its environment, with a cache that is kept between runs."""
    tool = tool_of("otelcol-lms")
    assert isinstance(tool, GoTool)
    go = Workshop(cache_dir(), Board()).find_go(tool.go_line)
    scratch = cache_dir() / "tests"
    (scratch / "tmp").mkdir(parents=True, exist_ok=True)
    environ = golang.environment(go, scratch)
    path = f"{go.command.parent}:{environ['PATH']}"
    # The builder writes the go.mod of the program that it makes.
    return go, {
        **environ,
        "GOFLAGS": "-modcacherw -buildvcs=false",
        "GOBIN": str(folder / "bin"),
        "PATH": path,
    }


def test_the_teams_collector_masks(team: Path) -> None:
    (command,) = re.findall(r"^    (build/otelcol-team .*)$", PAGE.read_text(), re.MULTILINE)
    listen = f"127.0.0.1:{free_port()}"
    with intake.listening() as server:
        environ = {"LISTEN": listen, "NEXT_OTLP_URL": f"{server.url}/next"}
        program = Program(command.split(), team / "collector.log", environ, team)
        try:
            program.ready(lambda: _accepts(listen))
            server.wait_for_items("next", "traces", 1)
        finally:
            program.stop()
        (span,) = otlp_json.items("traces", server.payload("next", "traces"))
    assert "anna" not in str(span)
    assert [pair["value"]["stringValue"] for pair in span["attributes"]] == ["write to ****", "****"]


def _accepts(listen: str) -> bool:
    attributes = [
        {"key": "note", "value": {"stringValue": "write to anna@example.org"}},
        {"key": "password", "value": {"stringValue": "anna-1"}},
    ]
    try:
        answer = httpx.post(
            f"http://{listen}/v1/traces",
            json=one_span(attributes=attributes),
            timeout=5,
            verify=NO_CERTIFICATES,
        )
    except httpx.TransportError:
        return False
    assert answer.status_code == 200, answer.text
    return True


def test_the_program_has_what_the_manifest_lists_and_nothing_else(team: Path) -> None:
    done = subprocess.run(
        [team / "build/otelcol-team", "components"], capture_output=True, text=True, check=True
    )
    listed = yaml.safe_load(done.stdout)
    assert [each["name"] for each in listed["processors"]] == ["mask"]
    assert [each["name"] for each in listed["exporters"]] == ["otlp_http"]
