"""Plans a native start: process-compose.yaml with this environment's values, and the parts in it."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import yaml
from pydantic import SecretStr

from collector_kit import fragments as kit
from stack import asked_stores
from stack.alerting import health
from stack.environment import Environment
from stack.error_links import BUGSINK_PROJECT, error_link
from stack.native import alertmanagers, boards, logins
from stack.native.bugsink import template
from stack.native.liveness import Question, of_process
from stack.native.placeholders import fill, lines
from stack.native.ports import Wanted
from stack.native.probes import PROBES, Health
from stack.settings import REPOSITORY, SettingsError, variable

SOURCE: Final = Path(__file__).with_name("process-compose.yaml")
DATABASE: Final = "lms"
NEVER: Final = 1_000_000  # failures in a row


@dataclass(frozen=True)
class Part:
    """One process. ``once``: it exits when its work is done. ``speaks``: a log line announces readiness.

    ``login`` is the user and the name of the password's variable.
    """

    name: str
    title: str
    ports: tuple[Wanted, ...]
    probe: tuple[str, str] | None = field(repr=False)  # holds logins
    open: str | None
    login: str | None
    once: bool
    speaks: bool
    question: Question | None

    def health(self) -> Health:
        """Probes the part itself; a part without a probe counts as healthy."""
        if self.probe is None:
            return Health(well=True)
        kind, target = self.probe
        return PROBES[kind](target)


class Plan:
    """The native stack of one environment. Nothing is written or started here."""

    def __init__(self, environment: Environment, programs: Mapping[str, Path]) -> None:
        """Takes the settings and each program's path by name (`jaeger`, `otelcol-lms`...)."""
        self.environment = environment
        self.folder = environment.stack.folder
        self.etc = self.folder / "etc"
        self._programs = programs

    def program(self, name: str) -> Path:
        """Returns the path of a program."""
        return self._programs[name]

    @cached_property
    def mongodb_url(self) -> str:
        """The database's URL with credentials: the user's own, else FerretDB's."""
        if self.environment.given("MONGODB_URL"):
            return self.environment.app.mongodb_url
        password = quote(self.environment.stack.postgres_password.get_secret_value(), safe="")
        port = self.environment.stack.port_mongodb
        return f"mongodb://{DATABASE}:{password}@127.0.0.1:{port}/{DATABASE}?authMechanism=PLAIN"

    @cached_property
    def redis_url(self) -> str:
        """The URL of Redis with its password: the user's own, else ours."""
        if self.environment.given("REDIS_URL"):
            return self.environment.app.redis_url
        password = quote(self.environment.stack.redis_password.get_secret_value(), safe="")
        return f"redis://:{password}@127.0.0.1:{self.environment.stack.port_redis}/0"

    @cached_property
    def sentry_dsn(self) -> str:
        """Where errors go: the user's DSN, else Bugsink's, which is known before Bugsink starts."""
        ours = f"http://{self.bugsink_key.hex}@127.0.0.1:{self.environment.stack.port_bugsink}"
        return self.environment.values.get("SENTRY_DSN") or f"{ours}/{BUGSINK_PROJECT}"

    @cached_property
    def bugsink_key(self) -> uuid.UUID:
        """The public key of Bugsink's project."""
        secret = self.environment.stack.bugsink_secret_key.get_secret_value()
        return uuid.uuid5(uuid.NAMESPACE_URL, f"bugsink-project:{secret}")

    @cached_property
    def values(self) -> dict[str, str | list[str]]:
        """The values of ${NAME} in process-compose.yaml; a list replaces the whole item that names it."""
        programs = {f"{name.replace('-', '_')}_program": str(path) for name, path in self._programs.items()}
        stack = self.environment.stack
        plain = {name: getattr(stack, name) for name in type(stack).model_fields}
        return {
            **{
                variable(name): str(value)
                for name, value in plain.items()
                if not isinstance(value, SecretStr)
            },
            **programs,
            "LMS_PORT": str(self.environment.app.port),
            "app_stop_seconds": str(self.environment.stop_seconds),
            "admin_email": self.environment.app.admin_email,
            "store_user": logins.USER,
            **alertmanagers.arguments(stack),
            "postgres_password": stack.postgres_password.get_secret_value(),
            "python": sys.executable,
            "repository": str(REPOSITORY),
            "data": str(self.folder),
            "etc": str(self.etc),
            "stores_login": logins.basic(stack.stores_password.get_secret_value()),
            "collector_configs": kit.arguments(self.fragments()),
            "collector_environment": lines(self._collector_sinks()),
            "log_store": lines(self._log_store()),
            "app_environment": lines(self.app_environment()),
            "boards_environment": lines(boards.environment(self.environment, self.etc / boards.NAME)),
            "demo_environment": lines(self.demo_environment()),
            "bugsink_environment": lines(self._bugsink_environment()),
            "bugsink_admin": lines(
                {
                    "BUGSINK_ADMIN_EMAIL": self.environment.app.admin_email,
                    "BUGSINK_ADMIN_PASSWORD": stack.bugsink_password.get_secret_value(),
                    "BUGSINK_PROJECT_ID": str(BUGSINK_PROJECT),
                    "BUGSINK_PROJECT_KEY": str(self.bugsink_key),
                }
            ),
        }

    def fragments(self) -> list[Path]:
        """Returns the Collector's configuration files, in the folder that `assemble` fills."""
        files = kit.fragments("all-in-one", self._collector_sinks())
        return [self.etc / "collector" / path.name for path in files]

    def _collector_sinks(self) -> dict[str, str]:
        """Addresses of the sinks and the lean build's switches: they decide which fragments are used."""
        stack = self.environment.stack
        sinks = {
            **kit.LEAN_BUILD,
            "JAEGER_OTLP_URL": f"http://127.0.0.1:{stack.port_jaeger_otlp}",
            **({"TEMPO_OTLP_URL": stack.tempo_otlp_url} if stack.tempo_otlp_url else {}),
            **self._log_store(),
        }
        if not stack.sentry_otlp:
            return sinks
        if not self.environment.given("SENTRY_DSN"):
            raise SettingsError(
                "STACK_SENTRY_OTLP is on, but SENTRY_DSN is missing: set it, or turn STACK_SENTRY_OTLP off"
            )
        return sinks | kit.sentry_environment(self.environment.values["SENTRY_DSN"])

    def _log_store(self) -> dict[str, str]:
        """Returns where the Collector and the canary find logs: the user's own Loki, else VictoriaLogs."""
        if loki := self.environment.stack.loki_url:
            return {"LOKI_URL": loki}
        return {
            "VICTORIALOGS_URL": f"http://127.0.0.1:{self.environment.stack.port_victorialogs}",
            "VICTORIALOGS_HEADERS_FILE": str(self.etc / "victorialogs" / "secrets" / "headers"),
        }

    def app_environment(self) -> dict[str, str]:
        """Returns the platform's variables: those the user has set, and those only the stack knows."""
        given = self.environment.with_prefixes("LMS_", "OTEL_", "TELEMETRY_", "SENTRY_")
        token = self.environment.stack.otlp_token.get_secret_value()
        name = self.environment.app.environment
        known = {
            **health.variables(name),
            **asked_stores.native(self.environment),
            "LMS_ERROR_LINK": error_link(self.environment),
            "OTEL_SERVICE_NAME": "lms",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.environment.stack.port_collector}",
            "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{quote(token, safe='')}",
            "OTEL_RESOURCE_ATTRIBUTES": f"service.namespace=stegmaier,deployment.environment.name={name}",
            "OTEL_METRIC_EXPORT_INTERVAL": "10000",
            "SENTRY_DSN": self.sentry_dsn,
            "TELEMETRY_LOG_FORMAT": "json",
            "PYTHONPATH": str(REPOSITORY),
        }
        return {**known, **given, "MONGODB_URL": self.mongodb_url, "REDIS_URL": self.redis_url}

    def demo_environment(self) -> dict[str, str]:
        """Returns what `python -m stack.demo` needs: the platform's address and an admin."""
        app = self.environment.app
        return {
            "PYTHONPATH": str(REPOSITORY),
            "LMS_PORT": str(app.port),
            "LMS_ADMIN_EMAIL": app.admin_email,
            "LMS_ADMIN_PASSWORD": app.admin_password.get_secret_value(),
        }

    def _bugsink_environment(self) -> dict[str, str]:
        stack = self.environment.stack
        return {
            "PYTHONPATH": str(self.etc / "bugsink"),
            "DJANGO_SETTINGS_MODULE": "bugsink_conf",
            "BUGSINK_DATA_DIR": str(self.folder / "bugsink"),
            "BUGSINK_VERSION": template.version(self.program("bugsink-python")),
            "BUGSINK_URL": f"http://127.0.0.1:{stack.port_bugsink}",
            "BUGSINK_SECRET_KEY": stack.bugsink_secret_key.get_secret_value(),
        }

    @cached_property
    def _processes(self) -> dict[str, Any]:
        """The processes that run, with every placeholder filled in."""
        source = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))["processes"]
        out = {name for name, each in source.items() if alertmanagers.left_out(each, self.environment)}
        kept = {name: each for name, each in source.items() if name not in out}
        for each in kept.values():
            wanted = each.get("depends_on", {})
            each["depends_on"] = {name: condition for name, condition in wanted.items() if name in kept}
        return {name: fill(each, self.values) for name, each in kept.items()}

    def parts(self) -> list[Part]:
        """Returns the parts in file order: each after those it depends on."""
        return [self._part(name, each) for name, each in self._processes.items() if not each.get("disabled")]

    def _part(self, name: str, process: Mapping[str, Any]) -> Part:
        wanted = tuple(Wanted(int(str(self.values[key])), name, key) for key in process.get("x-ports", ()))
        return Part(
            name=name,
            title=process["x-title"],
            ports=wanted,
            probe=self._probe(process, wanted),
            open=process.get("x-open"),
            login=process.get("x-user"),
            once=process.get("availability", {}).get("restart") == "no",
            speaks="ready_log_line" in process,
            question=of_process(name, process, [each.port for each in wanted]),
        )

    def _probe(self, process: Mapping[str, Any], wanted: tuple[Wanted, ...]) -> tuple[str, str] | None:
        if "readiness_probe" in process:
            http = process["readiness_probe"]["http_get"]
            return "http", f"http://127.0.0.1:{http['port']}{http['path']}"
        if "x-login" in process:
            password = self.environment.stack.stores_password.get_secret_value()
            return "http", logins.with_login(process["x-login"], password)
        targets = {"mongodb": self.mongodb_url, "redis": self.redis_url}
        kind = process.get("x-probe")
        return (kind, targets.get(kind, str(wanted[0].port))) if kind else None

    def document(self) -> str:
        """Returns the text of the file that process-compose reads. It contains secrets."""
        source = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
        source["processes"] = {name: self._finished(name, each) for name, each in self._processes.items()}
        # process-compose expands variables in the whole text; `$$` escapes a dollar.
        return yaml.safe_dump(source, sort_keys=False, width=10_000).replace("$", "$$")

    def _finished(self, name: str, process: Mapping[str, Any]) -> dict[str, Any]:
        """Adds the common defaults: a bounded log, restarts, a shutdown timeout."""
        finished = {
            "working_dir": str(self.folder),
            "log_location": str(self.log(name)),
            "log_configuration": {
                **dict.fromkeys(("disable_json", "no_metadata", "no_color", "flush_each_line"), True),
                "fields_order": ["message"],
                "rotation": {"max_size_mb": 10, "max_backups": 2},
            },
            "availability": {"restart": "always", "backoff_seconds": 1},
            "shutdown": {"timeout_seconds": 10},
            **process,
        }
        shutdown = finished["shutdown"]
        finished["shutdown"] = {**shutdown, "timeout_seconds": int(shutdown["timeout_seconds"])}
        if "readiness_probe" in finished:
            defaults = {"period_seconds": 1, "timeout_seconds": 5, "failure_threshold": NEVER}
            finished["readiness_probe"] = defaults | finished["readiness_probe"]
        return finished

    def log(self, part: str) -> Path:
        """Returns the current log file of a part."""
        return self.folder / "logs" / f"{part}.log"
