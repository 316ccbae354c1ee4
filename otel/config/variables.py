"""Declares, reads and lists settings: key, reader, default and description in one place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, TypeVar

from otel.config.parsing import Reader

_T = TypeVar("_T")
_SECRET: Final = ("_HEADERS", "_DSN")
_USERINFO: Final = re.compile(r"//[^/@\s]*@")


class ConfigError(ValueError):
    """Invalid setting; the message names the key, the value and what is allowed."""

    def __init__(self, key: str, value: str, allowed: str) -> None:
        super().__init__(f"{key}={value!r}: expected {allowed}")
        self.key = key


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable as shown in the documentation and `.env.example`; `secret` values are never printed."""

    key: str
    default: str
    sentence: str
    secret: bool = False


def setting(
    key: str, reader: Callable[[str], object], default: str, sentence: str, *, secret: bool = False
) -> Any:  # noqa: ANN401 - dataclasses.field is typed so
    """Declares a field read from `key`; `default` is written and parsed as in the environment."""
    metadata = {"key": key, "reader": reader, "default": default, "sentence": sentence}
    return field(default_factory=lambda: reader(default), metadata=metadata, repr=not secret)


def read(environ: Mapping[str, str], key: str, reader: Reader[_T], default: _T) -> _T:
    """Reads one variable; an empty one counts as unset.

    Raises:
        ConfigError: The value is not allowed. A secret value is not repeated.
    """
    raw = environ.get(key, "")
    if not raw.strip():
        return default
    try:
        raw.encode()  # a byte that is not UTF-8 would make every export fail
        return reader(raw)
    except UnicodeEncodeError:
        raise ConfigError(key, "…", "UTF-8") from None
    except ValueError as error:
        shown = "…" if key.endswith(_SECRET) else _USERINFO.sub("//…@", raw)
        raise ConfigError(key, shown, str(error)) from None


def read_all(declared: type[Any], environ: Mapping[str, str]) -> dict[str, object]:
    """Reads every setting of the dataclass `declared`, by field name.

    Raises:
        ConfigError: A value is not allowed.
    """
    defaults = declared()
    return {
        each.name: read(environ, each.metadata["key"], each.metadata["reader"], getattr(defaults, each.name))
        for each in fields(declared)
        if "key" in each.metadata
    }


def listed(declared: type[Any]) -> list[Setting]:
    """Lists the settings of the dataclass `declared`, in the order of declaration."""
    return [
        Setting(each.metadata["key"], each.metadata["default"], each.metadata["sentence"], not each.repr)
        for each in fields(declared)
        if "key" in each.metadata
    ]
