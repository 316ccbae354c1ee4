"""Settings of everything around the platform: addresses, limits and secrets, read from STACK_* variables."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from stack.canary.settings import BaseUrl
from stack.channel_settings import PREFIX, ChannelSettings

REPOSITORY: Final = Path(__file__).resolve().parent.parent
# As typed in the repository; a fresh machine has no other Python with the packages.
PYTHON: Final = ".venv/bin/python"

Port = Annotated[int, Field(ge=1, le=65535)]
Secret = Annotated[SecretStr, Field(min_length=16)]


def _hours(value: str) -> str:
    """Converts hours or days to hours, which every store understands."""
    match = re.fullmatch(r"([1-9][0-9]{0,4})([hd])", value)
    if match is None:
        raise ValueError("must be hours or days, such as 168h or 7d")
    return f"{int(match[1]) * (24 if match[2] == 'd' else 1)}h"


Retention = Annotated[str, AfterValidator(_hours)]


class SettingsError(Exception):
    """A setting is missing, unknown or invalid; the message names the key and the fix."""


class StackSettings(ChannelSettings):
    """The stack's own settings, checked once and never changed.

    A field ``port_redis`` is read from ``STACK_PORT_REDIS``. Fields without a default are secrets:
    ``make up`` generates them.
    """

    model_config = SettingsConfigDict(alias_generator=lambda name: PREFIX + name.upper())
    prefix = PREFIX
    remedy = f"`{PYTHON} -m stack.environment write` adds a generated one to .env"

    data_dir: Path = Field(
        default=Path(".stack"), description="Folder of all data; relative to the repository"
    )

    cache_dir: Path | None = Field(
        default=None,
        description="Folder of built tools, absolute; default: one per user, shared by all checkouts",
    )

    collector_image: str | None = Field(
        default=None,
        validation_alias="COLLECTOR_IMAGE",
        description="A stock Collector, such as otel/opentelemetry-collector-contrib:0.158.0,"
        " instead of the one that is built here (Docker only)",
    )
    port_collector: Port = Field(default=4318, description="OTLP/HTTP intake of the Collector")
    port_collector_health: Port = Field(default=13133, description="Health of the Collector")
    port_collector_metrics: Port = Field(default=8888, description="The Collector's own metrics")
    port_prometheus: Port = Field(default=9090, description="Prometheus: metrics, rules")
    port_victorialogs: Port = Field(default=9428, description="VictoriaLogs: logs")
    port_jaeger: Port = Field(default=16686, description="Jaeger: web interface")
    port_jaeger_otlp: Port = Field(default=14318, description="Jaeger: OTLP intake for the Collector")
    port_jaeger_admin: Port = Field(default=14269, description="Jaeger: health and its own metrics")
    port_canary: Port = Field(
        default=9099, description="Canary: metrics about the telemetry pipeline; runbooks"
    )
    port_alertmanager: Port = Field(default=9093, description="Alertmanager: alerts, silences")
    port_alertmanager_2: Port = Field(default=9193, description="The second Alertmanager, if there are two")
    port_alertmanager_gossip: Port = Field(
        default=9094, description="Two Alertmanagers: the first to the second"
    )
    port_alertmanager_gossip_2: Port = Field(
        default=9194, description="Two Alertmanagers: the second to the first"
    )
    port_bugsink: Port = Field(default=8001, description="Bugsink: errors")
    port_grafana: Port = Field(default=3000, description="Dashboards: Grafana with Docker, else the stand-in")
    port_mailpit: Port = Field(default=8025, description="Mailpit: caught alert mails (Docker only)")
    port_mongodb: Port = Field(default=27017, description="FerretDB, speaking MongoDB's protocol")
    port_redis: Port = Field(default=6379, description="Redis")
    port_postgres: Port = Field(default=15432, description="PostgreSQL, behind FerretDB")

    retention_metrics: Retention = Field(
        default="768h", description="How long Prometheus keeps metrics (h or d); objectives look 30 days back"
    )
    retention_logs: Retention = Field(default="168h", description="How long logs are kept (h or d)")
    retention_traces: Retention = Field(default="72h", description="How long Jaeger keeps traces (h or d)")
    metrics_max_mb: int = Field(
        default=2048, ge=64, description="Size at which Prometheus drops its oldest metrics"
    )
    logs_max_mb: int = Field(
        default=2048, ge=64, description="Size at which VictoriaLogs drops its oldest days of logs"
    )
    loki_url: BaseUrl | None = Field(
        default=None,
        validation_alias="LOKI_URL",
        description="A Loki of your own, such as http://127.0.0.1:3100, instead of the stack's log store",
    )
    tempo_otlp_url: BaseUrl | None = Field(
        default=None,
        validation_alias="TEMPO_OTLP_URL",
        description="A Tempo of your own that gets the traces too, natively, such as http://127.0.0.1:4318; "
        "LMS_TEMPO_URL is where it is asked",
    )

    canary_seconds: int = Field(
        default=60, ge=1, le=3600, description="Seconds from one item of the canary to the next"
    )

    sentry_otlp: bool = Field(
        default=False,
        description="Sends warnings and sampled traces to Sentry too; needs SENTRY_DSN (Sentry, not Bugsink)",
    )
    runbooks_url: BaseUrl | None = Field(
        default=None,
        description="Where people open runbooks, also by phone; default: the canary, on this machine only",
    )
    victorialogs_web_url: BaseUrl | None = Field(
        default=None,
        description="Where people open VictoriaLogs, also by phone, natively; default: on this machine only",
    )
    alertmanagers: Annotated[int, Field(ge=1, le=2)] = Field(
        default=1, description="2: a second Alertmanager, so that one may fail (docs/alerting.md)"
    )
    otlp_token: Secret = Field(description="Bearer token that the Collector requires of every sender")
    postgres_password: Secret = Field(
        description="Password of the database; also the platform's, through FerretDB"
    )
    redis_password: Secret = Field(description="Password of Redis")
    stores_password: Secret = Field(
        description="Password of the user `lms` of Prometheus, Alertmanager and Jaeger, natively"
    )
    victorialogs_password: Secret = Field(description="Password of VictoriaLogs' user `lms`")
    grafana_password: Secret = Field(description="Password of the dashboards' user `admin`")
    bugsink_password: Secret = Field(description="Password of Bugsink's admin, who has LMS_ADMIN_EMAIL")
    bugsink_secret_key: Annotated[SecretStr, Field(min_length=50)] = Field(
        description="Signs Bugsink's sessions; its project's key is derived from it"
    )

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        """Raises ValueError naming two variables that set the same port."""
        seen: dict[int, str] = {}
        for variable, port in self.ports().items():
            if port in seen:
                raise ValueError(f"{seen[port]} and {variable} are both port {port}: change one of them")
            seen[port] = variable
        return self

    def ports(self) -> dict[str, int]:
        """Returns every port, keyed by the variable that sets it, in field order."""
        names = [name for name in type(self).model_fields if name.startswith("port_")]
        return {variable(name): getattr(self, name) for name in names}

    @property
    def folder(self) -> Path:
        """The data folder as an absolute path."""
        return data_folder(self.data_dir)


def data_folder(given: Path) -> Path:
    """Returns the absolute path of a data folder; a relative one is resolved against the repository."""
    return (REPOSITORY / given.expanduser()).resolve()


def variable(field: str) -> str:
    """Returns the environment variable of a field: ``STACK_PORT_REDIS`` for ``port_redis``."""
    return str(StackSettings.model_fields[field].validation_alias)
