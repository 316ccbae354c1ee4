"""What somebody pastes from a runbook: commands and queries, in code spans and in blocks of code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from stack.alerting.sources import RUNBOOKS

_BLOCK: Final = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SPAN: Final = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")
_QUERY: Final = re.compile(r"[\w:({][^`]*[({][^`]*|\{[^`]*")
PROGRAMS: Final = (
    *("make", "curl", "amtool", "python", "promtool", "docker", "du", "df", "date", "openssl", "sed"),
    *(
        "ls",
        "kill",
        "ps",
        "ss",
        "free",
        "mongosh",
        "redis-cli",
        "psql",
        "sudo",
        "grep",
        "top",
        "dig",
        "python3",
    ),
)


@dataclass(frozen=True, slots=True)
class Pasted:
    """A command or a query of a runbook, in one line."""

    runbook: str
    text: str

    @property
    def program(self) -> str:
        """The program that a command starts; empty for a query."""
        word = self.text.split()[0]
        return word if word in PROGRAMS else ""


def texts() -> dict[str, str]:
    """Returns the text of every runbook by name."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(RUNBOOKS.glob("*.md"))}


def commands() -> list[Pasted]:
    """Returns every command."""
    return [each for each in _all() if each.program]


def queries() -> list[Pasted]:
    """Returns every query in PromQL: blocks of it, and code spans with a bracket.

    Queries of logs have a pipe or `:~` outside of quotes; an ellipsis marks what is left out.
    """
    found = (each for each in _all() if not each.program and _QUERY.fullmatch(each.text))
    return [each for each in found if not _other(each.text)]


def _all() -> Iterator[Pasted]:
    for name, text in texts().items():
        for language, block in _BLOCK.findall(text):
            lines = [block] if language == "promql" else block.splitlines()
            yield from (Pasted(name, " ".join(line.split())) for line in lines if line.strip())
        for span in _SPAN.findall(_BLOCK.sub("", text)):
            yield Pasted(name, " ".join(span.split()))


def _other(text: str) -> bool:
    bare = re.sub(r'"[^"]*"', "", text)
    return any(mark in bare for mark in ("|", ":~", ":=", "...", "…", "$")) or bare.endswith("()")
