"""Fills the data folder's etc/: the repository's configuration as copies, plus addresses and secrets.

Prometheus and Alertmanager expand no environment variables, so what differs per machine is kept in files
next to theirs: `targets/*.json` and `secrets/*`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from stack import alerting
from stack.alerting_links import links
from stack.dotenv_file import write_private
from stack.native import boards, liveness, logins
from stack.native.bugsink import template
from stack.native.plan import Plan
from stack.settings import REPOSITORY, SettingsError

MARKER: Final = ".stegmaier-lms-stack"

_REDIS: Final = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir {folder}
daemonize no
appendonly yes
appendfsync everysec
save ""
maxmemory 256mb
maxmemory-policy noeviction
"""


def prepare_folder(folder: Path) -> None:
    """Creates the data folder, readable by its owner only, and marks it as ours.

    Raises:
        SettingsError: it cannot be created or written, or contains something else.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (folder / MARKER).exists() and any(folder.iterdir()):
            raise SettingsError(
                f"{folder} is not empty and not this stack's: set STACK_DATA_DIR to an empty or new folder"
            )
        (folder / MARKER).write_text("`make clean` removes this folder.\n", encoding="utf-8")
        folder.chmod(0o700)
        for name in ("logs", "run", "redis", "bugsink", "collector", "jaeger/keys", "jaeger/values"):
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"The data folder {folder} cannot be used: {error.strerror or error}") from None


def assemble(plan: Plan) -> Path:
    """Rewrites etc/ and returns the file for process-compose. Running parts do not read it again."""
    etc = plan.etc
    shutil.rmtree(etc, ignore_errors=True)
    etc.mkdir(mode=0o700)
    _prometheus(plan, etc / "prometheus")
    _victorialogs(plan, etc / "victorialogs")
    _alertmanager(plan, etc / "alertmanager")
    _collector(plan, etc / "collector")
    _redis(plan, etc / "redis")
    _bugsink(plan, etc / "bugsink")
    boards.write(plan.environment, etc / boards.NAME)
    config = etc / "process-compose.yaml"
    write_private(config, plan.document())
    questions = [part.question for part in plan.parts() if part.question]
    (etc / liveness.FILE).write_text(liveness.document(questions), encoding="utf-8")
    return config


def _copy(folder: Path, files: Iterable[Path]) -> None:
    folder.mkdir(parents=True)
    for path in files:
        shutil.copyfile(path, folder / path.name)


def _secrets(folder: Path, **secrets: str) -> None:
    folder.mkdir(mode=0o700)
    for name, value in secrets.items():
        write_private(folder / name, value)


def _prometheus(plan: Plan, folder: Path) -> None:
    stack, app = plan.environment.stack, plan.environment.app
    folder.mkdir()
    source = REPOSITORY / "stack" / "prometheus" / "prometheus.yml"
    text = logins.prometheus_configuration(source, "secrets/stores_password")
    (folder / source.name).write_text(text, encoding="utf-8")
    alerting.write_rules(folder / "rules", app.environment, links(plan.environment))
    _secrets(
        folder / "secrets",
        metrics_token=app.metrics_token.get_secret_value(),
        victorialogs_password=stack.victorialogs_password.get_secret_value(),
        stores_password=stack.stores_password.get_secret_value(),
    )
    _web_config(plan, folder)
    ports = {
        "lms": app.port,
        "collector": stack.port_collector_metrics,
        "canary": stack.port_canary,
        "prometheus": stack.port_prometheus,
        "alertmanager": stack.port_alertmanager,
        "victorialogs": stack.port_victorialogs,
        "jaeger": stack.port_jaeger_admin,
    }
    (folder / "targets").mkdir()
    listening = {job: [port] for job, port in ports.items()}
    if stack.alertmanagers > 1:
        listening["alertmanager"].append(stack.port_alertmanager_2)
    for job, used in listening.items():
        _write_targets(folder / "targets" / f"{job}.json", [f"127.0.0.1:{port}" for port in used])
    for job in ("loki", "tempo", *(["victorialogs"] if stack.loki_url else [])):
        _write_targets(folder / "targets" / f"{job}.json", [])


def _write_targets(path: Path, targets: list[str]) -> None:
    """Writes a job's targets; Prometheus needs the file even for a job without targets."""
    path.write_text(json.dumps([{"targets": targets}] if targets else []), encoding="utf-8")


def _web_config(plan: Plan, folder: Path) -> None:
    password = plan.environment.stack.stores_password.get_secret_value()
    write_private(folder / "web.yml", logins.web_config(password))


def _alertmanager(plan: Plan, folder: Path) -> None:
    app = plan.environment.app
    alerting.write(
        folder,
        plan.environment.stack,
        platform=alerting.Platform(f"http://127.0.0.1:{app.port}", app.alerts_token),
        environment=app.environment,
    )
    _web_config(plan, folder)


def _collector(plan: Plan, folder: Path) -> None:
    _copy(folder, [REPOSITORY / "collector-config" / path.name for path in plan.fragments()])
    stack = plan.environment.stack
    _secrets(
        folder / "secrets",
        otlp_token=stack.otlp_token.get_secret_value(),
        stores_headers=logins.headers(stack.stores_password.get_secret_value()),
    )


def _victorialogs(plan: Plan, folder: Path) -> None:
    """Writes the password for VictoriaLogs itself, and the login for those who send to it and query it."""
    password = plan.environment.stack.victorialogs_password.get_secret_value()
    folder.mkdir()
    _secrets(folder / "secrets", password=password, headers=logins.headers(password))


def _redis(plan: Plan, folder: Path) -> None:
    folder.mkdir()
    password = plan.environment.stack.redis_password.get_secret_value()
    settings = {"port": plan.environment.stack.port_redis, "password": _quoted(password)}
    write_private(
        folder / "redis.conf", _REDIS.format(**settings, folder=_quoted(str(plan.folder / "redis")))
    )


def _quoted(value: str) -> str:
    """Returns the value as a string of redis.conf."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _bugsink(plan: Plan, folder: Path) -> None:
    """Writes Bugsink's settings, and its empty databases if it has none yet."""
    folder.mkdir()
    template.copy_sources(folder)
    data = plan.folder / "bugsink"
    if not any(data.iterdir()):
        shutil.copytree(template.folder(plan.program("bugsink-python")), data, dirs_exist_ok=True)
