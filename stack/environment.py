"""`.env`: generated once, read at every start, checked as a whole before anything runs.

``python -m stack.environment example`` prints `.env.example`, ``write`` creates `.env` or adds the secrets
that it lacks, ``check`` reports every mistake in it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Final, TypeVar

from app.core.settings import Settings, load_settings
from otel import ConfigError, TelemetryConfig
from stack import dotenv_file
from stack.settings import PYTHON, REPOSITORY, SettingsError, StackSettings
from stack.variables import Section, generate, required, sections

DOTENV: Final = REPOSITORY / ".env"
OURS: Final = ("LMS_", "STACK_", "TELEMETRY_")
# OpenTelemetry and Sentry specify more variables than we read: all of theirs are passed on.
THEIRS: Final = ("OTEL_", "SENTRY_")

STOP_MARGIN: Final = 5
"""Seconds that the supervisor waits longer than the platform may take, because a busy machine is slow."""

_T = TypeVar("_T")
_HEAD: Final = """\
# Every setting, with its default. `make up` creates .env with generated secrets if there is none. A line
# that is commented out, here or in .env, shows the default. The shell's environment overrides the file.
"""


@dataclass(frozen=True)
class Environment:
    """Validated settings. ``values`` are the variables as given: without defaults, with secrets."""

    values: Mapping[str, str]
    app: Settings
    stack: StackSettings

    def given(self, variable: str) -> bool:
        """Returns whether the user has set the variable."""
        return bool(self.values.get(variable, "").strip())

    @property
    def stop_seconds(self) -> int:
        """How long the platform may take to stop: drain, running requests, telemetry, and 5 s more."""
        telemetry = TelemetryConfig.from_env(self.values).shutdown_seconds
        return ceil(self.app.drain_seconds + self.app.shutdown_seconds + telemetry + STOP_MARGIN)

    def with_prefixes(self, *prefixes: str) -> dict[str, str]:
        """Returns the given variables that start with one of the prefixes."""
        return {
            key: value for key, value in self.values.items() if key.startswith(prefixes) and value.strip()
        }


def load(path: Path = DOTENV, environ: Mapping[str, str] = os.environ) -> Environment:
    """Returns the settings of the file, overridden by those of ``environ``.

    Raises:
        SettingsError: one line per mistake in either, each with the variable and the fix, never a value.
    """
    from_file = dotenv_file.read(path) if path.exists() else {}
    stray = [f"{path.name}: {StackSettings.unknown(key, _known())}" for key in from_file if not _ours(key)]
    ours = {key: value for key, value in environ.items() if _ours(key)}
    return check({**from_file, **ours}, stray)


def check(values: Mapping[str, str], mistakes: Iterable[str] = ()) -> Environment:
    """Returns the settings of ``values`` if each class accepts its part of them.

    Raises:
        SettingsError: one line per mistake, those in ``mistakes`` first.
    """
    found = list(mistakes)
    stack = _accepted(StackSettings.from_env, values, found)
    app = _accepted(load_settings, values, found)
    _accepted(TelemetryConfig.from_env, values, found)
    if any(" is missing" in sentence for sentence in found):
        found.append(
            f"`{PYTHON} -m stack.environment write` adds generated values for all secrets that .env lacks."
        )
    if app is None or stack is None or found:
        raise SettingsError("\n".join(found))
    return Environment(values, app, stack)


def _accepted(
    read: Callable[[Mapping[str, str]], _T], values: Mapping[str, str], found: list[str]
) -> _T | None:
    """Returns what ``read`` makes of the values; None if it adds mistakes to ``found``."""
    try:
        return read(values)
    except ConfigError as error:
        found += error.sentences
    return None


def example() -> str:
    """Returns `.env.example`: every variable with its description and default, secrets empty."""
    return _HEAD + "".join(_section(each, {}) for each in sections())


def write(path: Path = DOTENV) -> list[str]:
    """Creates ``path`` with generated secrets, or adds those that it lacks; returns the variables it wrote.

    An existing file keeps every line.
    """
    if not path.exists():
        values = {each.key: generate(each.key) for each in required()}
        dotenv_file.write_private(path, _HEAD + "".join(_section(each, values) for each in sections()))
        return list(values)
    present = dotenv_file.read(path)
    lacking = {each.key: generate(each.key) for each in required() if not present.get(each.key)}
    if lacking:
        dotenv_file.append(path, lacking)
    return list(lacking)


def _section(section: Section, values: Mapping[str, str]) -> str:
    lines = [f"\n# --- {section.title} ---\n"]
    for each in section.variables:
        if each.default is None:
            lines.append(f"# {each.sentence}\n{each.key}={values.get(each.key, '')}\n")
        else:
            lines.append(f"# {each.sentence}\n# {each.key}={each.default}\n")
    return "".join(lines)


def _known() -> set[str]:
    return {each.key for section in sections() for each in section.variables}


def _ours(key: str) -> bool:
    return key.startswith((*OURS, *THEIRS)) or key in _known()


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns 1 if the settings are invalid."""
    parser = argparse.ArgumentParser(
        prog="python -m stack.environment", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("command", choices=["example", "write", "check"])
    command = parser.parse_args(argv).command
    try:
        _run(command)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run(command: str) -> None:
    if command == "example":
        print(example(), end="")
    elif command == "write":
        written = write()
        print(f"{DOTENV}: {'wrote ' + ', '.join(written) if written else 'nothing is missing'}")
    else:
        load()
        print("Every setting is accepted.")


if __name__ == "__main__":
    sys.exit(main())
