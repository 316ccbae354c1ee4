"""Bugsink's empty databases, made once per version: hundreds of migrations take longer than a start."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from stack.native.toolchain.errors import ToolError

SOURCES: Final = ("bugsink_conf.py", "prepare.py")
_HERE: Final = Path(__file__).parent


def version(python: Path) -> str:
    """Returns what identifies the databases: Bugsink's folder, whose name has a hash, and our sources."""
    texts = b"".join((_HERE / f"{name}.in").read_bytes() for name in SOURCES)
    return f"{python.parents[1].name}-{hashlib.sha256(texts).hexdigest()[:12]}"


def folder(python: Path) -> Path:
    """Returns the path of this version's template, whether it exists or not."""
    return python.parents[1] / "template" / version(python)


def copy_sources(target: Path) -> None:
    """Copies the settings and the script to where Bugsink's Python finds them."""
    for name in SOURCES:
        shutil.copyfile(_HERE / f"{name}.in", target / name)


def ensure(python: Path) -> None:
    """Creates the template with Bugsink's Python, atomically, unless it exists.

    Raises:
        ToolError: Bugsink could not create its tables; the message includes its output.
    """
    target = folder(python)
    if target.exists():
        return
    print("Preparing Bugsink's database, once... ", end="", file=sys.stderr, flush=True)
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        sources, data = Path(scratch, "sources"), Path(scratch, "data")
        sources.mkdir()
        data.mkdir()
        copy_sources(sources)
        _migrate(python, sources, data)
        data.rename(target)
    print("done", file=sys.stderr)


def _migrate(python: Path, sources: Path, data: Path) -> None:
    environ = {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": str(sources),
        "DJANGO_SETTINGS_MODULE": "bugsink_conf",
        "BUGSINK_DATA_DIR": str(data),
        "BUGSINK_VERSION": version(python),
        "BUGSINK_URL": "http://127.0.0.1",
        "BUGSINK_SECRET_KEY": os.urandom(32).hex(),  # signs nothing: no session ever uses it
    }
    command = [str(python), str(sources / "prepare.py")]
    result = subprocess.run(command, env=environ, cwd=data, capture_output=True, text=True, check=False)
    if result.returncode:
        raise ToolError(f"\nBugsink could not create its database. Its output:\n{result.stderr[-2000:]}")
