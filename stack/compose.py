"""The Docker stack: writes what docker-compose.yml mounts, then runs Docker Compose.

``python -m stack.compose up --build --wait``: every argument goes to ``docker compose``, after the files and
profiles that `.env` asks for.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from collector_kit.fragments import CollectorError, fragments, sentry_environment
from stack import alerting, asked_stores, compose_program
from stack.alerting_links import links
from stack.environment import Environment, load
from stack.error_links import BUGSINK_PROJECT, PLACE, error_link
from stack.native import boards
from stack.native.assemble import prepare_folder
from stack.native.plan import Plan
from stack.settings import REPOSITORY, SettingsError

# Where Prometheus scrapes each part, inside the networks of docker-compose.yml.
TARGETS: Final[Mapping[str, str | None]] = {
    "lms": "app:8000",
    "collector": "collector:8888",
    "canary": "canary:9099",
    "prometheus": "127.0.0.1:9090",
    "alertmanager": "alertmanager:9093",
    "loki": "loki:3100",
    "victorialogs": None,
    "tempo": "tempo:3200",
    "jaeger": None,
}
SECOND_ALERTMANAGER: Final = "alertmanager-2:9093"
# The stores that the Collector exports to, by the variables that select their fragments.
STORES: Final = {"LOKI_URL": "http://loki:3100", "TEMPO_OTLP_URL": "http://tempo:4318"}
# The setting that replaces each profile's services with the user's own server.
PROFILES: Final[Mapping[str, str]] = {
    "database": "MONGODB_URL",
    "logs": "LOKI_URL",
    "cache": "REDIS_URL",
    "errors": "SENTRY_DSN",
    "mail": "STACK_MAIL_SMARTHOST",
}
# Commands that need the files and secrets. All others, `down` above all, work with a broken .env too.
STARTING: Final = frozenset({"up", "create", "run", "config", "build"})
SELINUX: Final = Path("/sys/fs/selinux/enforce")
EVERYTHING: Final = ("--project-directory", str(REPOSITORY), "--profile", "*")
# Containers run as other users and must read these; the parent folder is closed to everyone else.
_READABLE: Final = 0o644
_FOLDER: Final = 0o755
_CLOSED: Final = 0o700
_OWN: Final = ("LMS_HOST", "LMS_PORT", "LMS_SECRETS_DIR", "PYTHONPATH", "MONGODB_URL", "REDIS_URL")
_SECRET: Final = ("jwt_secret", "certificate_key", "admin_password", "metrics_token", "alerts_token")


class DockerStack:
    """The containers of one environment. Nothing is written or started here."""

    def __init__(self, environment: Environment) -> None:
        """Takes validated settings."""
        self.environment = environment
        self.folder = environment.stack.folder / "compose"
        self._plan = Plan(environment, {})

    def profiles(self) -> list[str]:
        """Returns the profiles to start: what no server of the user's replaces, and a stock Collector."""
        ours = [profile for profile, given in PROFILES.items() if not self.environment.given(given)]
        return [*ours, *(["contrib"] if self.environment.stack.collector_image else [])]

    def arguments(self) -> list[str]:
        """Returns the arguments before Docker Compose's own command."""
        profiles = self.profiles()
        others = {
            "sentry": bool(self._sentry()),
            "loki": "logs" not in profiles,
            "contrib": "contrib" in profiles,
            "ha": self.environment.stack.alertmanagers > 1,
        }
        files = ["docker-compose.yml", *(f"docker-compose.{name}.yml" for name, on in others.items() if on)]
        project = ["--project-directory", str(REPOSITORY)]
        return [
            *project,
            *(part for file in files for part in ("--file", str(REPOSITORY / file))),
            *(part for profile in self.profiles() for part in ("--profile", profile)),
        ]

    def variables(self) -> dict[str, str]:
        """Returns the variables that docker-compose.yml needs beyond `.env`."""
        image = self.environment.stack.collector_image
        lean = {} if image else {"COLLECTOR_LEAN_BUILD": "1"}
        files = fragments("all-in-one", {**STORES, **lean, **self._sentry()})
        return {
            "STACK_DATA_DIR": str(self.environment.stack.folder),
            "APP_STOP_SECONDS": str(self.environment.stop_seconds),
            "COLLECTOR_ARGUMENTS": " ".join(f"--config=/etc/otelcol/{path.name}" for path in files),
            **({"COLLECTOR_IMAGE": image} if image else {}),
            **self._sentry(),
            **self._grafana(),
        }

    def _grafana(self) -> dict[str, str]:
        """Returns the error tracker's address around a trace id, for links in Grafana."""
        before, _, after = error_link(self.environment).partition(PLACE)
        return {"ERRORS_BEFORE_TRACE": before, "ERRORS_AFTER_TRACE": after}

    def _sentry(self) -> dict[str, str]:
        if not self.environment.stack.sentry_otlp:
            return {}
        if not self.environment.given("SENTRY_DSN"):
            raise SettingsError("STACK_SENTRY_OTLP is on, but SENTRY_DSN is missing: set it, or turn it off")
        return sentry_environment(self.environment.values["SENTRY_DSN"])

    def write(self) -> None:
        """Writes the configuration and secrets that the containers mount, over those of an earlier start.

        Files are written in place: a running container has them mounted.

        Raises:
            SettingsError: the data folder cannot be used.
        """
        prepare_folder(self.environment.stack.folder)
        self.folder.mkdir(mode=_CLOSED, exist_ok=True)
        self.folder.chmod(_CLOSED)
        _share(self.folder)
        for name, text in {**self._secrets(), **self._generated()}.items():
            _put(self.folder / "secrets" / name, text)
        self._prometheus(self.folder / "prometheus")
        boards.write_dashboards(self.environment, self.folder / "grafana" / "dashboards")
        alerting.write(
            self.folder / "alertmanager",
            self._channels(),
            platform=alerting.Platform("http://app:8000", self.environment.app.alerts_token),
            environment=self.environment.app.environment,
            seen_as=Path("/etc/alertmanager"),
            file_mode=_READABLE,
        )
        _share(self.folder)

    def addresses(self) -> list[tuple[str, str, str]]:
        """Returns what a user opens: the part, its address, and how to log in."""
        stack, app = self.environment.stack, self.environment.app
        password = self.folder / "secrets" / "grafana_password"
        places = [
            ("Learning platform", f"{app.port}/docs", f"{app.admin_email}, LMS_ADMIN_PASSWORD"),
            ("Grafana", f"{stack.port_grafana}", f"admin, password in {password}"),
            ("Prometheus", f"{stack.port_prometheus}", ""),
            ("Alertmanager", f"{stack.port_alertmanager}", ""),
            ("Runbooks", f"{stack.port_canary}/runbooks", ""),
        ]
        if "errors" in self.profiles():
            login = f"{app.admin_email}, STACK_BUGSINK_PASSWORD"
            places.append(("Errors (Bugsink)", f"{stack.port_bugsink}", login))
        if "mail" in self.profiles():
            places.append(("Alert mails (Mailpit)", f"{stack.port_mailpit}", ""))
        return [(part, f"http://127.0.0.1:{where}", login) for part, where, login in places]

    def app_environment(self) -> dict[str, str]:
        """Returns the platform's variables that neither docker-compose.yml nor a secret file sets."""
        stores = {key for key in asked_stores.native(self.environment) if not self.environment.given(key)}
        ours = {*_OWN, *(f"LMS_{name.upper()}" for name in _SECRET), *stores}
        native = {key: value for key, value in self._plan.app_environment().items() if key not in ours}
        dsn = f"http://{self._plan.bugsink_key.hex}@bugsink:8000/{BUGSINK_PROJECT}"
        addresses = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
            "SENTRY_DSN": self.environment.values.get("SENTRY_DSN") or dsn,
        }
        return native | addresses | asked_stores.docker(self.environment)

    def demo_environment(self) -> dict[str, str]:
        """Returns what `python -m stack.demo` needs: the platform's address and an admin."""
        return self._plan.demo_environment()

    def _secrets(self) -> dict[str, str]:
        """Returns the content of each file in ``secrets/``."""
        stack, app = self.environment.stack, self.environment.app
        database = stack.postgres_password.get_secret_value()
        cache = stack.redis_password.get_secret_value()
        urls = {
            "mongodb_url": f"mongodb://lms:{quote(database, safe='')}@mongo:27017/lms?authSource=admin",
            "redis_url": f"redis://:{quote(cache, safe='')}@redis:6379/0",
        }
        given = {name: self.environment.values.get(name.upper()) or url for name, url in urls.items()}
        bugsink = {
            "BUGSINK_SECRET_KEY": stack.bugsink_secret_key.get_secret_value(),
            "BUGSINK_ADMIN_EMAIL": app.admin_email,
            "BUGSINK_ADMIN_PASSWORD": stack.bugsink_password.get_secret_value(),
            "BUGSINK_PROJECT_ID": str(BUGSINK_PROJECT),
            "BUGSINK_PROJECT_KEY": str(self._plan.bugsink_key),
        }
        return {
            **{f"lms_{name}": getattr(app, name).get_secret_value() for name in _SECRET},
            **given,
            "mongodb_password": database,
            "redis_conf": f"requirepass {_quoted(cache)}\n",
            "otlp_token": stack.otlp_token.get_secret_value(),
            "app_env": _shell(self.app_environment()),
            "bugsink_env": _shell(bugsink),
        }

    def _generated(self) -> dict[str, str]:
        """Returns Grafana's secrets, as they were at the first start: its database has them by now."""
        first = {
            "grafana_password": self.environment.stack.grafana_password.get_secret_value(),
            "grafana_secret_key": secrets.token_urlsafe(24),
        }
        kept = {name: self.folder / "secrets" / name for name in first}
        return {
            name: path.read_text(encoding="utf-8") if path.exists() else first[name]
            for name, path in kept.items()
        }

    def _prometheus(self, folder: Path) -> None:
        environment = self.environment
        alerting.write_rules(folder / "rules", environment.app.environment, links(environment, grafana=True))
        source = REPOSITORY / "stack" / "prometheus" / "prometheus.yml"
        _put(folder / "prometheus.yml", source.read_text(encoding="utf-8"))
        _put(folder / "secrets" / "metrics_token", self.environment.app.metrics_token.get_secret_value())
        own_loki = {} if "logs" in self.profiles() else {"loki": None}
        found = {job: [address] if address else [] for job, address in {**TARGETS, **own_loki}.items()}
        if self.environment.stack.alertmanagers > 1:
            found["alertmanager"].append(SECOND_ALERTMANAGER)
        for job, addresses in found.items():
            _put(
                folder / "targets" / f"{job}.json", json.dumps([{"targets": addresses}] if addresses else [])
            )

    def _channels(self) -> alerting.Channels:
        """Returns the user's notification channels; without a mail relay, Mailpit catches the mail."""
        stack = self.environment.stack
        if stack.mail_smarthost:
            return stack
        mail = {
            "mail_to": self.environment.app.admin_email,
            "mail_smarthost": "mailpit:1025",
            "mail_tls": "none",
        }
        return stack.model_copy(update=mail)


def main(argv: Sequence[str] | None = None, *, shielded: bool = False) -> int:
    """Runs Docker Compose and returns its exit status; before ``up`` it writes what the containers mount.

    With ``shielded`` the terminal's Ctrl-C does not reach it: for commands that must finish.
    """
    rest = list(sys.argv[1:] if argv is None else argv)
    if not rest or rest[0] in {"-h", "--help"}:
        print(__doc__)
        return 0
    try:
        program = compose_program.command()
        options, variables = _prepared() if rest[0] in STARTING else (EVERYTHING, {})
    except (SettingsError, alerting.AlertingError, CollectorError) as error:
        print(error, file=sys.stderr)
        return 1
    return compose_program.run([*program, *options, *rest], {**os.environ, **variables}, shielded=shielded)


def _prepared() -> tuple[Sequence[str], Mapping[str, str]]:
    stack = DockerStack(load())
    stack.write()
    return stack.arguments(), stack.variables()


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _share(folder: Path) -> None:
    """Lets containers read the files, and their owner write them again at the next start."""
    for path in folder.rglob("*"):
        path.chmod(_FOLDER if path.is_dir() else _READABLE)
    # Compose mounts secrets without `z`.
    if SELINUX.exists() and (chcon := shutil.which("chcon")):
        subprocess.run([chcon, "--recursive", "--type=container_file_t", folder], check=False)


def _shell(variables: Mapping[str, str]) -> str:
    """Returns lines that a shell reads verbatim, whatever a value contains."""
    return "".join(f"{key}={shlex.quote(value)}\n" for key, value in variables.items())


def _quoted(value: str) -> str:
    """Returns the value as a string of redis.conf."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


if __name__ == "__main__":
    sys.exit(main())
