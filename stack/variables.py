"""Lists every variable that `.env` may contain, taken from the classes that read them."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from pydantic import AliasChoices, BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

import otel
from app.core.settings import Settings
from app.core.telemetry import TELEMETRY_DEFAULTS
from stack.settings import PREFIX, StackSettings

APP_PREFIX: Final = "LMS_"


@dataclass(frozen=True)
class Variable:
    """One line of `.env`; ``default`` is None if a value is required."""

    key: str
    description: str
    default: str | None


@dataclass(frozen=True)
class Section:
    """The variables that one class reads, under a heading."""

    title: str
    variables: tuple[Variable, ...]


def _password() -> str:
    return secrets.token_urlsafe(18)


# How required values are generated. All others are 32 random bytes, safe in URLs and Compose files.
GENERATORS: Final[Mapping[str, Callable[[], str]]] = {
    "LMS_ADMIN_PASSWORD": _password,
    "LMS_CERTIFICATE_KEY": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("="),
    "STACK_BUGSINK_PASSWORD": _password,
    "STACK_BUGSINK_SECRET_KEY": lambda: secrets.token_urlsafe(48),
}


def sections() -> list[Section]:
    """Returns every variable that `.env` may contain, the platform's first."""
    return [
        Section("The platform", _of_model(Settings, APP_PREFIX)),
        Section("What runs around it", _of_model(StackSettings, PREFIX)),
        Section(
            "Telemetry: `make up` sets the Collector's address, the token and the resource itself",
            _telemetry(),
        ),
    ]


def required() -> list[Variable]:
    """Returns the variables that have no default."""
    return [each for section in sections() for each in section.variables if each.default is None]


def generate(key: str) -> str:
    """Returns a fresh value for a required variable."""
    return GENERATORS.get(key, lambda: secrets.token_urlsafe(32))()


def _of_model(model: type[BaseModel], prefix: str) -> tuple[Variable, ...]:
    return tuple(_variable(name, field, prefix) for name, field in model.model_fields.items())


def _variable(name: str, field: FieldInfo, prefix: str) -> Variable:
    return Variable(_key(name, field, prefix), field.description or "", _default(field))


def _key(name: str, field: FieldInfo, prefix: str) -> str:
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        alias = str(alias.choices[0])
    return str(alias).upper() if alias else prefix + name.upper()


def _default(field: FieldInfo) -> str | None:
    if field.default is PydanticUndefined and field.default_factory is None:
        return None
    return _shown(field.get_default(call_default_factory=True, validated_data={}))


def _shown(value: Any) -> str:  # noqa: ANN401 - a default may be of any type
    if value is None or isinstance(value, SecretStr):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta):
        return f"{int(value.total_seconds())}s"
    return str(value)


def _telemetry() -> tuple[Variable, ...]:
    return tuple(
        Variable(each.key, each.sentence, TELEMETRY_DEFAULTS.get(each.key, each.default))
        for each in otel.settings()
    )
