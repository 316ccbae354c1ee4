"""The platform's settings: read once, frozen, with a sentence for each mistake."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, EmailStr, Field, SecretStr, ValidationInfo, field_validator

from app.core.settings.access import AccessSettings
from app.core.settings.alerts import AlertSettings
from app.core.settings.health import HealthSettings
from app.core.settings.kinds import SECRETS_DIR, Duration, Group, ed25519_seed, url
from app.core.settings.limits import LimitSettings
from app.core.settings.report import ReportSettings
from app.core.settings.stores import StoreSettings
from app.core.weak_passwords import MIN_LENGTH, weakness
from otel import ConfigError


class Settings(
    ReportSettings, AccessSettings, AlertSettings, LimitSettings, HealthSettings, StoreSettings, Group
):
    """Everything that an operator configures. Durations are ``90s``, ``10m``, ``12h`` or ``14d``."""

    environment: str = Field(
        default="development", description="Name of the deployment, as reported in telemetry."
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=1, le=65535, description="Port to listen on.")
    workers: int = Field(default=1, ge=1, le=64, description="Processes that serve requests.")
    database_seconds: float = Field(
        default=2,
        gt=0,
        le=60,
        description="How long to wait for a database connection; an answer may take twice that.",
    )
    redis_seconds: float = Field(default=0.25, gt=0, le=10, description="How long Redis may take to answer.")
    startup_seconds: float = Field(default=15, gt=0, description="How long start-up waits for the database.")
    shutdown_seconds: int = Field(
        default=10, ge=1, description="How long running requests may take to finish."
    )

    mongodb_url: Annotated[str, url("mongodb", "mongodb+srv")] = Field(
        default="mongodb://127.0.0.1:27017/lms",
        validation_alias="MONGODB_URL",
        repr=False,
        description="URL of the database; the path is its name.",
    )
    redis_url: Annotated[str, url("redis", "rediss")] = Field(
        default="redis://127.0.0.1:6379/0",
        validation_alias="REDIS_URL",
        repr=False,
        description="Cache and session store.",
    )

    jwt_secret: SecretStr = Field(
        min_length=32, description="Key that signs access and refresh tokens (HS256)."
    )
    jwt_access_ttl: Duration = Field(
        default=timedelta(minutes=10), description="Lifetime of an access token."
    )
    jwt_refresh_ttl: Duration = Field(
        default=timedelta(days=14), description="Lifetime of an unused refresh token."
    )
    certificate_key: Annotated[SecretStr, AfterValidator(ed25519_seed)] = Field(
        description="Ed25519 seed that signs certificates: 32 bytes in base64url."
    )
    admin_email: EmailStr = Field(
        default="admin@example.org", description="Email address of the first admin."
    )
    admin_password: SecretStr = Field(
        min_length=MIN_LENGTH, description="Password of the first admin; creates the account."
    )
    metrics_token: SecretStr = Field(min_length=16, description="Bearer token for the metrics endpoint.")
    alerts_token: SecretStr = Field(
        min_length=16, description="Bearer token with which Alertmanager posts its notifications."
    )
    argon2_memory_kib: int = Field(default=65536, ge=7168, description="Memory per password hash.")
    argon2_time_cost: int = Field(default=3, ge=2, description="Passes per password hash.")
    password_hashes: int = Field(
        default=4, ge=1, le=64, description="Password hashes that a process computes at once."
    )
    password_queue: int = Field(
        default=64, ge=0, description="Requests that may wait for a password hash; further ones get 503."
    )

    body_limit_bytes: int = Field(default=1_000_000, ge=1024, description="Maximum size of a request body.")
    body_seconds: float = Field(default=30, gt=0, description="How long a request's body may take to arrive.")
    header_limit_bytes: int = Field(
        default=32_768, ge=1024, le=1_048_576, description="Maximum size of the request line and headers."
    )
    header_limit_fields: int = Field(
        default=100, ge=10, le=10_000, description="Maximum number of header fields in a request."
    )
    header_seconds: float = Field(
        default=10, gt=0, description="How long a request's line and headers may take to arrive."
    )
    connection_limit: int = Field(
        default=800, ge=1, description="Maximum open connections per process; further ones get 503."
    )
    catalogue_ttl: Duration = Field(
        default=timedelta(seconds=60), description="Lifetime of a cached catalogue entry."
    )
    demo_failure_ratio: float = Field(
        default=0, ge=0, le=1, description="Share of demo requests that fail; 0 removes the demo endpoint."
    )
    secrets_dir: Path | None = Field(
        default=None, description="Folder with one file per secret, such as lms_jwt_secret."
    )

    @field_validator("alerts_token")
    @classmethod
    def _nobody_elses(cls, token: SecretStr, others: ValidationInfo) -> SecretStr:
        if token == others.data.get("metrics_token"):
            raise ValueError("must differ from LMS_METRICS_TOKEN: who may read metrics may not post alerts")
        return token

    @field_validator("admin_password")
    @classmethod
    def _not_guessed_first(cls, password: SecretStr, others: ValidationInfo) -> SecretStr:
        if reason := weakness(password.get_secret_value(), others.data.get("admin_email", "")):
            raise ValueError(f"choose another; {reason}")
        return password


def variable(field: str) -> str:
    """Returns the environment variable that sets ``field``."""
    return str(Settings.model_fields[field].validation_alias)


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Returns the settings from the environment and from the files in ``LMS_SECRETS_DIR``.

    Raises:
        ConfigError: A key is unknown, a value is missing or invalid, or the secrets folder does not exist.
    """
    folder = environ.get(SECRETS_DIR, "").strip() or None
    if folder and not Path(folder).is_dir():
        raise ConfigError(SECRETS_DIR, f"{SECRETS_DIR} is {folder!r}, which is not a folder.")
    return Settings.from_env(environ, _secrets_dir=folder)
