"""Renders the page about the Collector's fragments from each file's header comment and its contents.

So a new fragment is one new file. The comment says in a first paragraph what the fragment adds, and then,
each on a line of its own that may continue on the next ones, ``Needs:``, ``Promises:``, ``Use:`` (when and
how another project uses it) and every variable by its name. The file itself gives the variables and defaults.
``python -m collector_kit.page >FRAGMENTS.md`` writes the page.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

from collector_kit.fragments import FRAGMENTS, CollectorError, printed

_PARTS: Final = ("Needs", "Promises", "Use")
_ENTRY: Final = re.compile(r"(?P<name>Needs|Promises|Use|[A-Z][A-Z0-9_]{3,}): (?P<text>.+)")
_VARIABLE: Final = re.compile(r"\$\{env:(?P<name>[A-Z][A-Z0-9_]*)(?P<given>:-(?P<default>[^}]*))?\}")
_HEAD: Final = """\
# The fragments, one by one

Written by `make generate` from the comment at the head of each file. [README.md](README.md) explains how they
fit together, what they promise as a whole and how to add one.

Every fragment is reused in the same way: copy `base.yaml` and the file, set the variables without a default,
and pass both with `--config`. They are independent of the learning platform. They are written for the contrib
image and the lean build of `distribution/`, version 0.158; `python -m collector_kit.fragments PRESET`, run in
this folder, names the variables that are not set.
"""


def render(folder: Path = FRAGMENTS) -> str:
    """Returns the page as Markdown: base.yaml first, then the others by name.

    Raises:
        CollectorError: a comment lacks a part or a variable, or describes a variable that is not in the file.
    """
    files = sorted(folder.glob("*.yaml"), key=lambda path: (path.stem != "base", path.name))
    return "\n".join([_HEAD, *(_section(path) for path in files)])


def variables(path: Path) -> dict[str, str | None]:
    """Returns a fragment's variables in the order of the file, with their defaults; None means no default."""
    lines = (line for line in path.read_text().splitlines() if not line.lstrip().startswith("#"))
    found = _VARIABLE.finditer("\n".join(lines))
    return {match["name"]: match["default"] if match["given"] else None for match in found}


def _section(path: Path) -> str:
    intro, entries = _comment(path)
    known = variables(path)
    wanted = {*_PARTS, *known}
    if missing := sorted(wanted - entries.keys()):
        raise CollectorError(f"{path.name}: the header comment lacks {', '.join(missing)}")
    if strange := sorted(entries.keys() - wanted):
        raise CollectorError(
            f"{path.name}: the file does not use {', '.join(strange)}, which its comment describes"
        )
    lines = [f"## {path.name}", "", intro, ""]
    lines += [f"- **{part}**: {entries[part]}" for part in _PARTS]
    if known:
        lines += ["", "| variable | default | |", "|---|---|---|"]
        lines += [f"| `{name}` | {_default(value)} | {entries[name]} |" for name, value in known.items()]
    return "\n".join([*lines, ""])


def _default(value: str | None) -> str:
    if value is None:
        return "**needed**"
    return f"`{value}`" if value else "empty"


def _comment(path: Path) -> tuple[str, dict[str, str]]:
    """Returns the first paragraph of the header comment, and its entries by name."""
    intro: list[str] = []
    entries: dict[str, str] = {}
    current, first = "", True
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            break
        text = line.removeprefix("#").strip()
        if match := _ENTRY.fullmatch(text):
            current = match["name"]
            entries[current] = match["text"]
        elif current:
            entries[current] = f"{entries[current]} {text}".strip()
        elif first and text:
            intro.append(text)
        first = first and bool(text)
    return " ".join(intro), entries


if __name__ == "__main__":
    sys.exit(printed(render))
