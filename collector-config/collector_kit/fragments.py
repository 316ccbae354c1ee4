"""Which fragments of the kit make up a Collector.

``python -m collector_kit.fragments all-in-one`` checks the environment and prints the ``--config`` arguments
of a preset, one per line.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

FRAGMENTS: Final = Path(__file__).resolve().parents[1]
# The fragments that only the lean build can run, and the variable for which the presets include them.
LEAN: Final = ("mask.yaml", "quotas.yaml")
LEAN_BUILD: Final = {"COLLECTOR_LEAN_BUILD": "1"}
_LINE: Final = re.compile(
    r"(?P<file>[\w-]+\.yaml)(?:\s+if\s+(?P<variable>[A-Z][A-Z0-9_]*)(?:=(?P<value>\S+))?)?"
)
_NEEDED: Final = re.compile(r"\$\{env:([A-Z][A-Z0-9_]*)\}")


class CollectorError(Exception):
    """A preset or an address is unusable; the message names it and the fix."""


def presets() -> tuple[str, ...]:
    """Returns the names of all presets."""
    return tuple(sorted(path.stem for path in (FRAGMENTS / "presets").glob("*.txt")))


def fragments(preset: str, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Returns the files of a preset in order.

    A line ``x.yaml if NAME`` applies if NAME is not empty, ``x.yaml if NAME=value`` if it has that value.

    Raises:
        CollectorError: there is no such preset, or one of its lines names no fragment.
    """
    if preset not in presets():
        raise CollectorError(f"there is no preset {preset!r}: choose one of {', '.join(presets())}")
    source = FRAGMENTS / "presets" / f"{preset}.txt"
    lines = [(number, line.strip()) for number, line in enumerate(source.read_text().splitlines(), 1)]
    parsed = [_parse(source, number, line) for number, line in lines if line and not line.startswith("#")]
    return tuple(path for path, wanted in parsed if wanted(environ))


def _parse(source: Path, number: int, line: str) -> tuple[Path, Callable[[Mapping[str, str]], bool]]:
    match = _LINE.fullmatch(line)
    path = FRAGMENTS / match["file"] if match else None
    if match is None or path is None or not path.is_file():
        raise CollectorError(
            f"{source.name}:{number}: {line!r} is not 'fragment.yaml' or 'fragment.yaml if VARIABLE[=value]'"
        )
    variable, value = match["variable"], match["value"]

    def wanted(environ: Mapping[str, str]) -> bool:
        if variable is None:
            return True
        return environ.get(variable) == value if value else bool(environ.get(variable))

    return path, wanted


def check(files: Sequence[Path], environ: Mapping[str, str]) -> None:
    """Raises if a variable without a default is not set: the Collector would start with part of an address.

    Raises:
        CollectorError: names every such variable and the fragment that needs it.
    """
    needed = [(path.name, name) for path in files for name in _NEEDED.findall(_code(path))]
    missing = [f"{name} ({file})" for file, name in dict.fromkeys(needed) if not environ.get(name)]
    if missing:
        raise CollectorError(f"not set: {', '.join(missing)}. README.md beside the fragments explains each")


def _code(path: Path) -> str:
    return "\n".join(line for line in path.read_text().splitlines() if not line.lstrip().startswith("#"))


def arguments(files: Sequence[Path]) -> list[str]:
    """Returns the Collector's command line for the fragments."""
    return [f"--config={path}" for path in files]


def sentry_environment(dsn: str) -> dict[str, str]:
    """Returns SENTRY_OTLP_URL and SENTRY_OTLP_KEY for a Sentry DSN; nothing for an empty one.

    Only Sentry itself has an OTLP intake; do not call it for a compatible server without one (Bugsink).

    Raises:
        CollectorError: it is not a DSN (https://KEY@HOST/PROJECT).
    """
    if not dsn:
        return {}
    parts = urlsplit(dsn)
    prefix, _, project = parts.path.rpartition("/")
    if (
        parts.scheme not in {"http", "https"}
        or not parts.username
        or not parts.hostname
        or not project.isdigit()
    ):
        raise CollectorError("SENTRY_DSN is not a DSN: it has the form https://KEY@HOST/PROJECT")
    host = parts.netloc.rpartition("@")[2]
    return {
        "SENTRY_OTLP_URL": f"{parts.scheme}://{host}{prefix}/api/{project}/integration/otlp",
        "SENTRY_OTLP_KEY": parts.username,
    }


def printed(render: Callable[[], str]) -> int:
    """Prints what ``render`` returns; returns 2 if it cannot be generated."""
    try:
        print(render(), end="")
    except CollectorError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the arguments of a preset for this environment; returns 2 if a setting or preset is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m collector_kit.fragments", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("preset", help=f"one of {', '.join(presets())}")
    chosen = parser.parse_args(argv)
    try:
        files = fragments(chosen.preset, os.environ)
        check(files, os.environ)
    except CollectorError as error:
        print(error, file=sys.stderr)
        return 2
    print(*arguments(files), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
