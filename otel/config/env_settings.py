"""Settings from environment variables, by pydantic-settings; each mistake is one sentence with its fix."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, ClassVar, Final, Self, get_args

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUndefined
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from otel.config.sentences import reason

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_USERINFO: Final = re.compile(r"//[^/@\s]*@")


class ConfigError(ValueError):
    """Settings are missing, unknown or invalid.

    `sentences` has one per mistake; each names the variable and the fix, none contains a secret. `key` is
    the variable of the first, or empty if that one concerns several.
    """

    def __init__(self, key: str, *sentences: str) -> None:
        super().__init__("\n".join(sentences))
        self.key = key
        self.sentences = sentences


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable as shown in the documentation and `.env.example`.

    `default` is written as in the environment, or None if a value is required; `secret` values are never
    printed.
    """

    key: str
    default: str | None
    sentence: str
    secret: bool = False


class EnvSettings(BaseSettings):
    """A base class for settings: a field is read from the variable that its `validation_alias` names.

    The constructor takes fields and reads no environment, `from_env` does. Both raise `ConfigError`. A field
    that is a `SecretStr` or has `repr=False` is a secret: no error shows its value.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        case_sensitive=True,
        populate_by_name=True,
        enable_decoding=False,
        hide_input_in_errors=True,
        allow_inf_nan=False,
    )
    prefix: ClassVar[str] = ""
    """Variables that start with this and are no setting are rejected; empty: none are."""
    shows_values: ClassVar[bool] = False
    """Whether an error repeats the value of a setting that is no secret."""
    remedy: ClassVar[str] = "set it"
    """What to do about a missing variable."""

    def __init__(self, **values: Any) -> None:  # noqa: ANN401 - each field has its own type
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise self._mistakes(error, values) from None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **others: Any) -> Self:  # noqa: ANN401 - as above
        """Reads the variables from `environ` (default: the process environment).

        An empty value counts as unset, and so does a blank one where there is a default.

        Raises:
            ConfigError: A variable is missing or invalid, or starts with `prefix` and is unknown.
        """
        environ, known = os.environ if environ is None else environ, cls._fields()
        given = {key: environ[key] for key, field in known.items() if _is_set(environ.get(key, ""), field)}
        stray = [key for key in environ if cls.prefix and key.startswith(cls.prefix) and key not in known]
        return cls(**others, **given, **dict.fromkeys(stray, ""))

    @classmethod
    def variables(cls) -> list[Setting]:
        """Lists the variables in the order of declaration."""
        return [
            Setting(_names(field)[-1], _default(field), field.description or "", secret=_secret(field))
            for field in cls.model_fields.values()
            if _names(field)
        ]

    @staticmethod
    def unknown(key: str, known: Iterable[str]) -> str:
        """Returns the sentence about a variable that is none of those that are known."""
        nearest = get_close_matches(key, sorted(known), n=1)
        return f"{key} is not a setting: {f'did you mean {nearest[0]}?' if nearest else 'remove it.'}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - named by pydantic-settings
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - likewise
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Leaves out the process environment: `from_env` passes the one that it is given.

        The files of a `_secrets_dir` may be named as the variables, in upper or lower case.
        """
        folder = getattr(file_secret_settings, "secrets_dir", None)
        return (init_settings, SecretsSettingsSource(settings_cls, folder, case_sensitive=False))

    @field_validator("*", mode="before")
    @classmethod
    def _utf8(cls, value: object) -> object:
        """Rejects a byte that is not UTF-8, which `os.environ` passes on as a lone surrogate."""
        if isinstance(value, str) and _SURROGATE.search(value):
            raise ValueError("must be UTF-8")
        return value

    @classmethod
    def _fields(cls) -> dict[str, FieldInfo]:
        return {name: field for field in cls.model_fields.values() for name in _names(field)}

    @classmethod
    def _mistakes(cls, error: ValidationError, values: Mapping[str, object]) -> ConfigError:
        """Returns the error with one sentence per mistake, unknown variables first."""
        found = sorted(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
        keys = [str(each["loc"][0]) if each["loc"] else "" for each in found]
        sentences = [cls._sentence(key, each, values) for key, each in zip(keys, found, strict=True)]
        return ConfigError(keys[0], *sentences)

    @classmethod
    def _sentence(cls, key: str, mistake: ErrorDetails, values: Mapping[str, object]) -> str:
        fields = {**cls.model_fields, **cls._fields()}
        if mistake["type"] == "extra_forbidden":
            return cls.unknown(key, cls._fields())
        if mistake["type"] == "missing":
            return f"{key} is missing: {cls.remedy}."
        if not key:  # a validator of the whole model names the variables itself
            return f"{reason(mistake, None)}."
        field, value = fields[key], values.get(key)
        known = cls.shows_values and not _secret(field) and isinstance(value, str)
        shown = f"={_USERINFO.sub('//…@', str(value))!r}" if known else ""
        return f"{key}{shown} is not valid: {reason(mistake, field)}."


def setting(key: str | None, default: object, sentence: str, *, secret: bool = False) -> Any:  # noqa: ANN401 - as Field
    """Declares a field read from `key`; a default that is text is parsed as in the environment."""
    parsed: Any = isinstance(default, str)
    return Field(
        default, validation_alias=key, description=sentence, repr=not secret, validate_default=parsed
    )


def _is_set(value: str, field: FieldInfo) -> bool:
    return bool(value if field.is_required() else value.strip())


def _names(field: FieldInfo) -> list[str]:
    """Returns the variables that a field is read from, the general one last; none for a nested model."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return [str(each) for each in alias.choices]
    return [str(alias)] if alias else []


def _secret(field: FieldInfo) -> bool:
    return not field.repr or field.annotation is SecretStr or SecretStr in get_args(field.annotation)


def _default(field: FieldInfo) -> str | None:
    """Returns the default as written in the environment; None if a value is required."""
    value = field.default
    if value is PydanticUndefined:
        return None
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return f"{int(value.total_seconds())}s"
    return str(value)
