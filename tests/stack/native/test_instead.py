import json
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from stack.native.toolchain import go as golang
from stack.native.toolchain import instead
from stack.native.toolchain.catalogue import TOOLS
from stack.native.toolchain.kinds import GoTool

MODULE = "example.test/Store/v2"
MAIN = f"""package main

import "{MODULE}/use"

func main() {{ println(use.Name()) }}
"""
USE = f"""package use

import "{MODULE}/cloud"

func Name() string {{ return cloud.Name }}
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A module as in the module cache; one of its packages needs a module that does not exist."""
    folder = tmp_path / "store@v2.0.0"
    _write(folder / "go.mod", f"module {MODULE}\n\ngo 1.21\n")
    _write(folder / "use" / "use.go", USE)
    _write(folder / "cloud" / "cloud.go", 'package cloud\n\nimport "example.test/nowhere"\n')
    return folder


@pytest.fixture
def trimmed(tmp_path: Path) -> GoTool:
    """A program that uses the module, with our package in place of that one."""
    folder = tmp_path / "program"
    _write(folder / "go.mod", f"module example.test/program\n\ngo 1.21\n\nrequire {MODULE} v2.0.0\n")
    _write(folder / "go.sum", "")
    _write(folder / "main.go", MAIN)
    ours = tmp_path / "instead"
    _write(ours / MODULE / "cloud" / "ours.go", 'package cloud\n\nconst Name = "ours"\n')
    return GoTool("program", folder, MODULE, {"program": "."}, 1, 1, instead=(ours,))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_our_package_is_compiled_and_the_module_cache_is_unchanged(
    trimmed: GoTool, store: Path, tmp_path: Path, real_go: golang.Go, compiled_runtime: Path
) -> None:
    def download(modules: Sequence[str]) -> str:
        return "\n".join(json.dumps({"Path": "whatever", "Dir": str(store)}, indent=1) for _ in modules)

    (tmp_path / "tmp").mkdir()
    environment = golang.environment(real_go, tmp_path) | {"GOCACHE": str(compiled_runtime)}
    flags = instead.flags(trimmed, tmp_path / "copies", download)
    command = golang.build_command(real_go, trimmed, tmp_path / "out", flags)
    subprocess.run(command, cwd=trimmed.folder, env=environment, check=True)
    printed = subprocess.run(
        [tmp_path / "out" / "program"], capture_output=True, text=True, check=True
    ).stderr
    assert printed == "ours\n"
    assert [path.name for path in (store / "cloud").iterdir()] == ["cloud.go"]
    assert "nowhere" in (store / "cloud" / "cloud.go").read_text()


def test_a_tool_without_replaced_packages_needs_no_flags(trimmed: GoTool, tmp_path: Path) -> None:
    whole = replace(trimmed, instead=())
    assert instead.flags(whole, tmp_path / "copies", lambda _: pytest.fail("downloads")) == []


def test_a_changed_replacement_changes_the_key(trimmed: GoTool) -> None:
    before = trimmed.key
    (source,) = trimmed.instead_sources().values()
    source.write_text('package cloud\n\nconst Name = "changed"\n')
    changed = trimmed.key
    source.rename(source.with_name("renamed.go"))
    assert len({before, changed, trimmed.key}) == len([before, changed, trimmed.key])


@pytest.mark.parametrize("tool", [tool for tool in TOOLS if isinstance(tool, GoTool)], ids=lambda t: t.name)
def test_every_replacement_documents_its_package(tool: GoTool) -> None:
    undocumented = [
        name for name, path in tool.instead_sources().items() if "// Package " not in path.read_text()
    ]
    assert undocumented == []
