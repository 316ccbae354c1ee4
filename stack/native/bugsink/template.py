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
    """Names what decides the databases: Bugsink's folder, which carries a hash, and our sources."""
    texts = b"".join((_HERE / f"{name}.in").read_bytes() for name in SOURCES)
    return f"{python.parents[1].name}-{hashlib.sha256(texts).hexdigest()[:12]}"


def folder(python: Path) -> Path:
    """Returns where the template of this version lies, whether it exists or not."""
    return python.parents[1] / "template" / version(python)


def copy_sources(target: Path) -> None:
    """Puts the settings and the script where Bugsink's Python finds them."""
    for name in SOURCES:
        shutil.copyfile(_HERE / f"{name}.in", target / name)


def ensure(python: Path) -> None:
    """Makes the template with Bugsink's Python if it is not there; whole or not at all.

    Raises:
        ToolError: Bugsink could not make its tables; what it said is in the message.
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
        "BUGSINK_SECRET_KEY": os.urandom(32).hex(),  # signs nothing: no session is ever opened with it
    }
    command = [str(python), str(sources / "prepare.py")]
    result = subprocess.run(command, env=environ, cwd=data, capture_output=True, text=True, check=False)
    if result.returncode:
        raise ToolError(f"\nBugsink could not make its database. It said:\n{result.stderr[-2000:]}")
