"""The part that shows the dashboards: its variables, the dashboards, and the files with its passwords."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from stack import asked_stores
from stack.dotenv_file import write_private
from stack.environment import Environment
from stack.settings import REPOSITORY

NAME: Final = "boards"
_STORES: Final = (
    "PROMETHEUS_URL",
    "ALERTMANAGER_URL",
    "LOKI_URL",
    "VICTORIALOGS_URL",
    "JAEGER_URL",
    "TEMPO_URL",
)


def environment(found: Environment, folder: Path) -> dict[str, str]:
    """Returns the variables of `stack.boards.settings`: it asks the stores that the platform asks."""
    stack, asked = found.stack, _asked(found)
    files = {key: str(folder / "secrets" / name) for key, name in _FILES.items() if name in _secrets(found)}
    web = {
        "BOARDS_TRACES_WEB_URL": asked.get("LMS_JAEGER_WEB_URL", ""),
        "BOARDS_LOGS_WEB_URL": stack.victorialogs_web_url or "",
        "BOARDS_ALERTMANAGER_WEB_URL": stack.alertmanager_url or "",
    }
    return {
        "PYTHONPATH": str(REPOSITORY),
        "BOARDS_LISTEN": f"127.0.0.1:{stack.port_grafana}",
        "BOARDS_FOLDER": str(folder / "dashboards"),
        **{f"BOARDS_{name}": asked[f"LMS_{name}"] for name in _STORES if asked.get(f"LMS_{name}")},
        **{key: value for key, value in web.items() if value},
        **files,
    }


def write(found: Environment, folder: Path) -> None:
    """Writes the dashboards, and the passwords, readable by their owner only.

    Raises:
        AlertingError: the environment's overlay of thresholds is wrong.
    """
    write_dashboards(found, folder / "dashboards")
    (folder / "secrets").mkdir(mode=0o700, parents=True)
    for name, value in _secrets(found).items():
        write_private(folder / "secrets" / name, value)


def write_dashboards(found: Environment, folder: Path) -> None:
    """Writes the dashboards with the thresholds of LMS_ENVIRONMENT, as its rules have them; in place.

    Raises:
        AlertingError: the environment's overlay is wrong; then nothing is written.
    """
    from grafana import build  # noqa: PLC0415 - Grafana's models are slow to import, and only a start needs them

    build.write(folder, found.app.environment)


_FILES: Final = {
    "BOARDS_PASSWORD_FILE": "password",
    "BOARDS_STORES_PASSWORD_FILE": "stores_password",
    "BOARDS_VICTORIALOGS_PASSWORD_FILE": "victorialogs_password",
}


def _asked(found: Environment) -> dict[str, str]:
    return asked_stores.native(found) | found.with_prefixes("LMS_")


def _secrets(found: Environment) -> dict[str, str]:
    """Returns the passwords by file; those of stores are left out if a store is the user's own."""
    asked = _asked(found)
    secrets = {
        "password": found.stack.grafana_password.get_secret_value(),
        "stores_password": asked.get("LMS_STORES_PASSWORD", ""),
        "victorialogs_password": asked.get("LMS_VICTORIALOGS_PASSWORD", ""),
    }
    return {name: value for name, value in secrets.items() if value}
