"""Settings of health checks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, model_validator

from app.core.settings import thresholds
from app.core.settings.kinds import Group

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_SCHEMES: Final = ("http", "https", "tcp", "smtp")
_NEEDS_PORT: Final = ("tcp", "smtp")
_MOST_DEPENDENCIES: Final = 20
BUILT_IN: Final = frozenset(
    {"mongodb", "redis", "rate_limiter", "lms_function", "telemetry", "file_system", "system"}
)
"""Names of the platform's own checks (`app/monitoring/checks/`), which no dependency may have."""

_FORM: Final = "must be name=URL pairs separated by commas, such as mail=smtp://127.0.0.1:25"


@dataclass(frozen=True, slots=True)
class Dependency:
    """A dependency to check: ``url`` is http://, https://, tcp://host:port or smtp://host:port."""

    name: str
    url: str

    def __str__(self) -> str:
        return f"{self.name}={self.url}"


def _dependencies(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = [_dependency(part.strip()) for part in value.split(",") if part.strip()]
    names = [each.name for each in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"names {twice[0]} twice; give each dependency a name of its own")
    if taken := [name for name in names if name in BUILT_IN]:
        raise ValueError(f"names {taken[0]}, which is a check of the platform; give it another name")
    if len(found) > _MOST_DEPENDENCIES:
        raise ValueError(f"has {len(found)} dependencies; list at most {_MOST_DEPENDENCIES}")
    return tuple(found)


def _dependency(text: str) -> Dependency:
    name, equals, address = text.partition("=")
    if not equals or not _NAME.fullmatch(name):
        raise ValueError(f"{_FORM}; a name has lower-case letters, digits and underscores")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise ValueError(f"{_FORM}; the address of {name} is not a URL") from None
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise ValueError(f"{_FORM}; {name} needs a URL that starts with http, https, tcp or smtp")
    if parts.scheme in _NEEDS_PORT and port is None:
        raise ValueError(f"{_FORM}; {name} needs a port")
    if parts.username is not None:
        raise ValueError(f"must not contain passwords; remove the login from the address of {name}")
    return Dependency(name, address)


Dependencies = Annotated[tuple[Dependency, ...], BeforeValidator(_dependencies)]
Share = Annotated[float, Field(gt=0, le=1)]


class HealthSettings(Group):
    """Settings of health checks; a threshold that is exceeded makes the platform's status ``warn``."""

    drain_seconds: float = Field(
        default=0,
        ge=0,
        le=600,
        description="How long to keep serving after SIGTERM, while /readyz says 503; "
        "behind a balancer longer than it takes to notice.",
    )
    health_seconds: float = Field(
        default=10, gt=0, le=600, description="How often the database, Redis and the system are checked."
    )
    health_slow_seconds: float = Field(
        default=60, gt=0, le=3600, description="How often everything else is checked."
    )
    health_limit_seconds: float = Field(
        default=2, gt=0, le=60, description="How long a check may take; that of learning five times as long."
    )
    health_window: int = Field(
        default=4, ge=1, le=20, description="How many of a check's last results decide about its status."
    )
    health_agreeing: int = Field(
        default=3,
        ge=1,
        le=20,
        description="How many of them must agree to change it; the first one decides alone.",
    )
    health_external: Dependencies = Field(
        default="",
        validate_default=True,
        description="Further dependencies to check, such as idp=https://id.example/up,mail=smtp://127.0.0.1:25.",
    )
    health_folder: Path | None = Field(
        default=None,
        description="Folder whose disk is checked; default: that of temporary files, TMPDIR or /tmp.",
    )
    health_max_cpu: Share = Field(default=thresholds.CPU, description="Share of the CPUs that may be busy.")
    health_max_load: float = Field(
        default=thresholds.LOAD, gt=0, description="Load average (1 minute) per CPU that may be."
    )
    health_max_memory: Share = Field(
        default=thresholds.MEMORY, description="Share of the memory that may be used."
    )
    health_max_swap: Share = Field(
        default=thresholds.SWAP, description="Share of the swap space that may be used."
    )
    health_max_descriptors: Share = Field(
        default=thresholds.DESCRIPTORS_USED,
        description="Share of the process's file descriptors that may be open.",
    )
    health_max_lag_seconds: float = Field(
        default=thresholds.EVENT_LOOP_LAG, gt=0, description="How long something may block the event loop."
    )
    health_max_pool: Share = Field(
        default=thresholds.POOL, description="Share of the database connections that may be in use."
    )
    health_max_redis_memory: Share = Field(
        default=thresholds.REDIS_MEMORY, description="Share of Redis' maxmemory that may be used."
    )
    health_max_queue: Share = Field(
        default=thresholds.QUEUE, description="Share of a telemetry queue that may be full."
    )
    health_min_disk: Share = Field(
        default=thresholds.DISK_FREE, description="Share of space and of inodes that must be free."
    )
    health_min_disk_hours: float = Field(
        default=thresholds.DISK_HOURS,
        ge=0,
        description="How many hours the disk must last at the rate of the last hour.",
    )

    @model_validator(mode="after")
    def _never_flaps(self) -> Self:
        least = 1 if self.health_window == 1 else (self.health_window + 1) // 2 + 1
        if not least <= self.health_agreeing <= self.health_window:
            raise ValueError(
                f"LMS_HEALTH_AGREEING is {self.health_agreeing}: with "
                f"LMS_HEALTH_WINDOW={self.health_window} it must be from {least} to {self.health_window}, "
                "or a check whose results alternate flaps."
            )
        return self
