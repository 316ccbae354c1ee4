"""The settings of the server from environment variables, checked once before it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, DirectoryPath, Field, model_validator
from pydantic_settings import SettingsConfigDict

from otel import EnvSettings
from stack.boards.dashboards import FOLDER
from stack.canary.settings import BaseUrl, host_and_port


def secret(path: Path) -> str:
    """Returns the file's first line.

    Raises:
        OSError: it cannot be read.
        ValueError: that line is empty.
    """
    line = path.read_text(encoding="utf-8").partition("\n")[0].strip()
    if not line:
        raise ValueError("must be a file whose first line is the password")
    return line


def _readable(path: Path) -> Path:
    try:
        secret(path)
    except OSError as error:
        raise ValueError(f"must be a readable file ({error.strerror})") from None
    return path


SecretFile = Annotated[Path, AfterValidator(_readable)]


class Settings(EnvSettings):
    """Where the server listens, the login to it, the stores that it asks, and where links lead.

    Addresses are base URLs without a trailing slash.
    """

    model_config = SettingsConfigDict(alias_generator=lambda name: f"BOARDS_{name.upper()}")
    prefix = "BOARDS_"
    remedy = "set it (`python -m stack.boards --help` says to what)"

    listen: Annotated[tuple[str, int], BeforeValidator(host_and_port)] = Field(
        "127.0.0.1:3000", validate_default=True, description="where it listens"
    )
    password_file: SecretFile = Field(description="file with the password of the user `admin`")
    stores_user: str = Field("lms", description="user of the stores")
    stores_password_file: SecretFile | None = Field(
        None, description="file with the password of Prometheus, Alertmanager and Jaeger"
    )
    victorialogs_password_file: SecretFile | None = Field(
        None, description="file with the password of VictoriaLogs"
    )
    prometheus_url: BaseUrl = Field(description="Prometheus")
    alertmanager_url: BaseUrl = Field(description="Alertmanager")
    victorialogs_url: BaseUrl | None = Field(None, description="VictoriaLogs, if it has the logs")
    loki_url: BaseUrl | None = Field(None, description="Loki, if it has the logs")
    jaeger_url: BaseUrl | None = Field(None, description="Jaeger, if it has the traces")
    tempo_url: BaseUrl | None = Field(None, description="Tempo, if it has the traces")
    traces_web_url: BaseUrl | None = Field(None, description="where people open Jaeger")
    logs_web_url: BaseUrl | None = Field(None, description="where people open VictoriaLogs")
    alertmanager_web_url: BaseUrl | None = Field(None, description="where people open Alertmanager")
    folder: DirectoryPath = Field(FOLDER, description="folder of the boards, one JSON file each")
    seconds: float = Field(10.0, gt=0, le=60, description="seconds that a store may take to answer")

    @model_validator(mode="after")
    def _has_one_of_each(self) -> Self:
        for name, pair in {"logs": ("loki", "victorialogs"), "traces": ("jaeger", "tempo")}.items():
            given = [each for each in pair if getattr(self, f"{each}_url")]
            if len(given) != 1:
                keys = " or ".join(f"BOARDS_{each.upper()}_URL" for each in pair)
                raise ValueError(f"{keys} (where the {name} are): set one of them, not both.")
        return self
