"""Builds the wheel and installs it into empty environments outside the repository."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
DECLARED = tuple(f"3.{minor}" for minor in range(11, 15))
"""The Python versions that the wheel is tested with, if they are installed."""


def build_wheel(folder: Path) -> Path:
    """Builds the wheel as `make wheel` does; returns its path."""
    _uv(
        "build",
        "--quiet",
        "--wheel",
        "--no-build-isolation",
        "--python",
        sys.executable,
        "--out-dir",
        folder,
        ROOT / "otel",
    )
    [wheel] = folder.glob("*.whl")
    return wheel


def install(python: str, folder: Path, *requirements: str) -> Path:
    """Creates an environment with only `requirements` and their dependencies; returns its interpreter."""
    _uv("venv", "--quiet", "--python", python, folder)
    interpreter = folder / "bin" / "python"
    _uv("pip", "install", "--quiet", "--python", interpreter, *requirements)
    return interpreter


def interpreter_of(version: str) -> str | None:
    """Returns the path of an installed Python that really has this version, or None."""
    if version == f"3.{sys.version_info.minor}":
        return sys.executable
    candidates = [
        shutil.which(f"python{version}"),
        *Path.home().glob(f".pyenv/versions/{version}.*/bin/python"),
    ]
    return next((str(each) for each in candidates if each and _runs_as(str(each), version)), None)


def _runs_as(interpreter: str, version: str) -> bool:
    command = [interpreter, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() == version


def _uv(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "uv", *map(str, arguments)], check=True, cwd="/")
