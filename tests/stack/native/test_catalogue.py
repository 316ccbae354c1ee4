import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from stack.native.toolchain.catalogue import GO, REPOSITORY, TOOLS, tool_of
from stack.native.toolchain.errors import ToolError
from stack.native.toolchain.kinds import GoTool, WheelTool
from tests.stack.native.conftest import write_module

GO_TOOLS = [tool for tool in TOOLS if isinstance(tool, GoTool)]
WHEEL_TOOLS = [tool for tool in (*TOOLS, GO) if isinstance(tool, WheelTool)]
DISTRIBUTION = REPOSITORY / "collector-config" / "distribution"


def test_binaries_have_unique_names() -> None:
    names = [name for tool in TOOLS for name in tool.binaries]
    assert len(names) == len(set(names))


def test_versions_are_pinned_as_designed() -> None:
    versions = {tool.name: tool.release for tool in TOOLS}
    assert versions == {
        "prometheus": "3.16.0",
        "otelcol-lms": "0.158.0",
        "victorialogs": "1.52.1",
        "jaeger": "1.76.0",
        "alertmanager": "0.31.1",
        "ferretdb": "1.24.2",
        "process-compose": "1.64.1",
        "docker-compose": "2.40.3",
        "postgres": "0.6.0",
        "redis": "6.2.5.1",
        "bugsink": "2.6.2",
    }


@pytest.mark.parametrize("tool", GO_TOOLS, ids=lambda tool: tool.name)
def test_the_go_wheel_is_new_enough_for_every_tool(tool: GoTool) -> None:
    assert tool.go_line <= tuple(int(part) for part in GO.release.split("."))


@pytest.mark.parametrize("tool", GO_TOOLS, ids=lambda tool: tool.name)
def test_no_module_is_replaced_by_a_folder_or_requires_a_toolchain(tool: GoTool) -> None:
    text = (tool.folder / "go.mod").read_text()
    assert not re.search(r"^toolchain |=> \.", text, re.MULTILINE)


@pytest.mark.parametrize("tool", WHEEL_TOOLS, ids=lambda tool: tool.name)
def test_every_locked_requirement_has_a_hash_and_names_no_index(tool: WheelTool) -> None:
    text = tool.lock.read_text()
    assert "://" not in text
    assert "--index" not in text
    requirements = [line for line in text.splitlines() if re.match(r"[a-z]", line)]
    assert requirements
    assert all(re.match(r"[a-z0-9-]+==\S+ .*\\$", line) for line in requirements)
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", text)) >= len(requirements)


def test_the_key_does_not_depend_on_the_folder(tmp_path: Path) -> None:
    assert write_module(tmp_path / "one").key == write_module(tmp_path / "two").key


@pytest.mark.parametrize("name", ["go.mod", "go.sum", "new.go", "inner/new.go"])
def test_a_changed_file_changes_the_key(tool: GoTool, name: str) -> None:
    before = tool.key
    (tool.folder / "inner").mkdir(exist_ok=True)
    with (tool.folder / name).open("a") as file:
        file.write("\n")
    assert tool.key != before


def test_a_go_test_file_does_not_change_the_key(tool: GoTool) -> None:
    before = tool.key
    (tool.folder / "new_test.go").write_text("package main\n")
    assert tool.key == before


def test_a_changed_setting_changes_the_key(tool: GoTool) -> None:
    assert replace(tool, tags=("netgo",)).key != tool.key
    assert replace(tool, packages={"greet": tool.packages["greet"]}).key != tool.key


def test_a_missing_go_mod_is_a_clear_error(tool: GoTool) -> None:
    (tool.folder / "go.mod").unlink()
    with pytest.raises(ToolError, match=r"go\.mod cannot be read .* restore it from git"):
        _ = tool.version


def test_an_unknown_name_lists_the_names() -> None:
    with pytest.raises(ToolError, match=r"no tool named 'prometeus'; the names are prometheus, promtool"):
        tool_of("prometeus")


def test_the_collector_contains_what_its_manifest_lists() -> None:
    manifest = yaml.safe_load((DISTRIBUTION / "manifest.yaml").read_text())
    go_mod = (DISTRIBUTION / "go.mod").read_text()
    sources = (DISTRIBUTION / "components.go").read_text() + (DISTRIBUTION / "main.go").read_text()
    kinds = ("receivers", "processors", "exporters", "connectors", "extensions", "providers")
    entries = [entry for kind in kinds for entry in manifest[kind]]
    modules = [entry["gomod"] for entry in entries]
    assert len(modules) > 20
    for module in modules:
        path, _version = module.split()
        assert f"\t{module}\n" in go_mod or f"module {path}\n" in go_mod
        assert f'"{path}"' in sources or f': "{module}",\n' in sources
    imported = set(re.findall(r'^\t\w+ "(\S+)"$', sources, re.MULTILINE))
    # The builder adds the Collector's own telemetry by itself.
    assert imported - {entry.get("import", entry["gomod"].split()[0]) for entry in entries} == {
        "go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
    }
