"""What somebody pastes from a runbook: commands and queries, in code spans and in blocks of code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from stack.alerting.sources import RUNBOOKS
from stack.settings import REPOSITORY

_BLOCK: Final = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INDENTED: Final = re.compile(r"^\n((?: {7,}\S.*\n)+)", re.MULTILINE)
_SPAN: Final = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")
_QUERY: Final = re.compile(r"[\w:({][^`]*[({][^`]*|\{[^`]*")
_NAME: Final = re.compile(
    r"(otelcol|prometheus|alertmanager|loki|tempo|jaeger|telemetry_canary)_\w+"
    r"|lms_\w+_(total|seconds|ratio|bytes|count|requests)|\w+:\w+:\w+"
)
_ASKED: Final = re.compile(r"/api/v1/query --data-urlencode 'query=([^']+)'")
_ASKED_LOGS: Final = re.compile(r"/select/logsql/query --data-urlencode 'query=([^']+)'")
# What a text says to look at: a command, a colon, and names.
_PROMISED: Final = re.compile(r"\s*: ((?:`[\w.:]+`(?:, | and )?)+)")
PROGRAMS: Final = frozenset(
    re.findall(
        r"\S+",
        "make curl amtool .venv/bin/python promtool docker du df date openssl sed ls kill ps ss free mongosh "
        "git redis-cli psql sudo grep top dig python python3",
    )
)
DOCS: Final = ("health.md", "incident-response.md", "sla.md", "troubleshooting.md")


@dataclass(frozen=True, slots=True)
class Pasted:
    """A command or a query of a runbook, in one line."""

    runbook: str
    text: str
    promised: tuple[str, ...] = ()
    """The names that the answer has, as the text says."""

    @property
    def program(self) -> str:
        """The program that a command starts; empty for a query."""
        word = self.text.split()[0]
        return word if word in PROGRAMS else ""


def texts() -> dict[str, str]:
    """Returns the text of every runbook by name."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(RUNBOOKS.glob("*.md"))}


def pages() -> dict[str, str]:
    """Returns the text of the pages of docs/ that somebody reads during an incident, by file name."""
    return {name: (REPOSITORY / "docs" / name).read_text(encoding="utf-8") for name in DOCS}


def commands() -> list[Pasted]:
    """Returns every command of the runbooks and pages."""
    return [each for each in _all(texts() | pages()) if each.program]


def queries(read: Mapping[str, str] | None = None) -> list[Pasted]:
    """Returns every query in PromQL: blocks, code spans with a bracket, names of series, and what curl asks.

    They are those of the runbooks, or of the texts that are given, by name. Queries of logs have a pipe or
    `:~` outside of quotes; an ellipsis marks what is left out.
    """
    found = [each for each in _all(read or texts()) if not each.program]
    plain = [each for each in found if _QUERY.fullmatch(each.text) and not _other(each.text)]
    named = [each for each in found if _NAME.fullmatch(each.text)]
    return [*plain, *named, *([] if read else _embedded(_ASKED))]


def log_queries() -> list[Pasted]:
    """Returns every query of the log store."""
    return _embedded(_ASKED_LOGS)


def unread() -> list[Pasted]:
    """Returns what looks like a selector and is no query that these functions return."""
    read = {each.text for each in queries()}
    return [each for each in _all(texts()) if each.text.startswith("{") and each.text not in read]


def spans() -> list[Pasted]:
    """Returns every code span of the runbooks and pages."""
    return list(_spans(texts() | pages()))


def _embedded(pattern: re.Pattern[str]) -> list[Pasted]:
    return [Pasted(each.runbook, text) for each in commands() for text in pattern.findall(each.text)]


def _all(read: Mapping[str, str]) -> Iterator[Pasted]:
    for name, text in read.items():
        for language, block in _BLOCK.findall(text):
            lines = [block] if language == "promql" else block.splitlines()
            yield from (Pasted(name, " ".join(line.split())) for line in lines if line.strip())
        for block in _INDENTED.findall(_BLOCK.sub("", text)):
            yield Pasted(name, " ".join(block.split()))
    yield from _spans(read)


def _spans(read: Mapping[str, str]) -> Iterator[Pasted]:
    for name, text in read.items():
        bare = _INDENTED.sub("\n", _BLOCK.sub("", text))
        for span in _SPAN.finditer(bare):
            promised = _PROMISED.match(bare, span.end())
            names = tuple(re.findall("`(.+?)`", promised[1])) if promised else ()
            yield Pasted(name, " ".join(span[1].split()), names)


def _other(text: str) -> bool:
    bare = re.sub(r'"[^"]*"', "", text)
    return any(mark in bare for mark in ("|", ":~", ":=", "...", "…", "$")) or bare.endswith("()")
