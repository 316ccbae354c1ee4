"""Texts for people who have a bundle and nothing else of this project.

Our runbooks, alerts and boards say what only this project has in parentheses, or in a sentence of its own:
its commands, files, settings and addresses, what learners do, alerts that the bundle has not. A bundle leaves
such parentheses out, then such sentences, then list items of which nothing remains. What a command asks of
Prometheus or of the logs becomes the query alone, in PromQL or LogQL.
"""

from __future__ import annotations

import itertools
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from grafana import log_queries

_LOGIN: Final = re.compile(r'-u "lms:\$\([^)]*\)" ')
_ASKED: Final = re.compile(r"curl \S+ http://127\.0\.0\.1:9090/api/v1/query --data-urlencode 'query=([^']+)'")
_LOGS: Final = re.compile(
    r"curl \S+ http://127\.0\.0\.1:9428/select/logsql/query --data-urlencode 'query=([^']+)' -d limit=\d+"
)
# What the bundle's README says to set: an address of the reader's own, or what an alert names.
_ADDRESSES: Final = (
    (re.compile(r"^(curl .*)http://127\.0\.0\.1:8000/livez"), r'\1"$SERVICE"'),
    (re.compile(r"^(curl .*?)'?http://127\.0\.0\.1:9090(/[^\s']*)'?"), r'\1"$PROMETHEUS\2"'),
    (re.compile(r"^(curl .*?)'?http://127\.0\.0\.1:9093(/[^\s']*)'?"), r'\1"$ALERTMANAGER\2"'),
    (re.compile(r"^(du .*)\.stack$"), r'\1"$MOUNTPOINT"'),
)
_LOGS_OF: Final = {
    "": "the Collector's log",
    "app": "the platform's log",
    "alertmanager": "Alertmanager's log",
    "jaeger": "its log",
    "prometheus": "Prometheus' log",
    "redis": "Redis' log",
    "victorialogs": "VictoriaLogs' log",
}
_SPAN: Final = re.compile(r"`([^`]+)`")
_MARK: Final = re.compile("\ue000(\\d+)\ue001")
_PARENTHESES: Final = re.compile(r"\s*\([^()]*\)")
_SENTENCE: Final = re.compile(r"(?<=[.!])\s+")
_NUMBERED: Final = re.compile(r"^\d+\. ")
_BEGIN: Final = re.compile(r"\d+\. |- |#+ |<!-- |\| ")
_WIDTH: Final = 118
_COMMENT: Final = re.compile(r"( *)# (.*)")
_TRAILING: Final = re.compile(r"(.*\S) # (.*)")
_LOG: Final = re.compile(r"make logs(?: PART=(\w+))?")
_CODE: Final = re.compile(r" {7,}\S|```")
_WORD: Final = re.compile(r"[\w.]+:\S+")
_SEVERAL: Final = re.compile(r"in\((.+)\)")
_GAP: Final = re.compile(r"\n{3,}")
# Files that the bundle has, and the others.
_ITS: Final = (
    r"(?:alertmanager/)?alertmanager\.yml|targets/|alertmanager\.json|README\.md|prometheus/rules/"
    r"|(?:grafana/provisioning/datasources/)?(?:datasources|jaeger|victorialogs)\.yaml"
)
_OURS: Final = (
    rf"(?<![\w/.-])(?!{_ITS})[\w<>./-]*\w\.(?:ya?ml|json|md|py|txt)\b|\b(?:distribution|collector-config|alertmanager(?!/alertmanager))/[a-z]",
    r"`(?:PYTHON=\S+ )?make [a-z]|\.venv/|(?<![\w/])\.(?:env|stack)\b|127\.0\.0\.1|docker compose",
    r"\bplatform's history\b|\bthis project\b|`PART`|\b[Ll]earning team\b",
    r"\b(?:LMS|STACK|COLLECTOR)_[A-Z*]|\bMONGODB_URL\b|\bOTLP_TOKEN_FILE\b|\bSENTRY_DECISION_WAIT\b",
    r"\b(?:PROMETHEUS|JAEGER_OTLP|TEMPO_OTLP|NEXT_OTLP)_URL\b|\bVICTORIALOGS_HEADERS_FILE\b",
    r"/api/v1/monitoring|\blms_|\btelemetry_canary|\b[Cc]anary\b|\bsubmission-durability\b|\btelemetry-freshness\b",
    r"\b(?:lesson|quiz|course|exam|teacher|catalogue|password hash)(?:e?s|zes)?\b",
)


@dataclass(frozen=True, slots=True)
class Portable:
    """Makes texts portable.

    Args:
        absent: the alerts that the bundle has not, which no text may lead to.
    """

    absent: Iterable[str] = ()
    _ours: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        names = [rf"\b{name}\b" for name in self.absent]
        object.__setattr__(self, "_ours", re.compile("|".join([*_OURS, *names])))

    def text(self, text: str) -> str:
        """Returns a text, or a page in Markdown, with what only this project has left out."""
        kept: list[str] = []
        number, left_out = 0, False
        for block in _blocks(text.split("\n")):
            if _CODE.match(block):
                kept += [] if left_out else [block]
                continue
            found = self._block(block)
            left_out = found is None if block else left_out
            number = 0 if block.startswith("#") else number + bool(found and _NUMBERED.match(found))
            kept += [] if found is None else [_NUMBERED.sub(f"{number}. ", found, count=1)]
        return _GAP.sub("\n\n", "\n".join(kept))

    def comments(self, text: str, change: Callable[[str], str]) -> str:
        """Returns YAML with portable comments, of which ``change`` makes the final text."""
        said = (self._commented(lines, change) for lines in _comments(text.split("\n")))
        return "\n".join(itertools.chain.from_iterable(said))

    def _commented(self, lines: list[str], change: Callable[[str], str]) -> Iterator[str]:
        """Yields lines of YAML: those of one comment, or one line."""
        whole, after = _COMMENT.fullmatch(lines[0]), _TRAILING.fullmatch(lines[0])
        if whole:
            said = change(self.text(" ".join(line.strip().removeprefix("# ") for line in lines)))
            yield from (f"{whole[1]}# {line}" for line in textwrap.wrap(said, _WIDTH - len(whole[1])))
        elif after:
            yield f"{after[1]} # {said}" if (said := change(self.text(after[2]))) else after[1]
        else:
            yield lines[0]

    def _block(self, block: str) -> str | None:
        """Returns a heading, a paragraph or an item; None if nothing of it remains."""
        if block.startswith("<!--"):
            return None
        spans: list[str] = []

        def marked(found: re.Match[str]) -> str:
            log = _LOG.fullmatch(found[1])
            if log and (log[1] or "") in _LOGS_OF:
                return _LOGS_OF[log[1] or ""]
            spans.append(f"`{_general(found[1])}`")
            return f"\ue000{len(spans) - 1}\ue001"

        def whole(part: str) -> str:
            return _MARK.sub(lambda found: spans[int(found[1])], part)

        def said(found: re.Match[str]) -> str:
            return "" if self._ours.search(whole(found[0])) else found[0]

        begin = _BEGIN.match(block)
        start = begin[0] if begin else ""
        text = _PARENTHESES.sub(said, _SPAN.sub(marked, block.removeprefix(start)))
        sentences = _SENTENCE.split(text)
        kept = [each for each in sentences if not self._ours.search(whole(each))]
        if block and not any(map(str.strip, kept)):
            return None
        text = text if kept == sentences else " ".join(kept)
        named = text.startswith(tuple(_LOGS_OF.values()))
        return start + whole(text[:1].upper() + text[1:] if named else text)


def _blocks(lines: Iterable[str]) -> Iterator[str]:
    """Yields empty lines, blocks of code, and what else begins a line and goes on below it."""
    block: list[str] = []
    fenced = False
    for line in lines:
        ended = not block or not block[-1] or block[-1].startswith(("#", "<!--", "```"))
        begins = ended or not line.strip() or _BEGIN.match(line) or _CODE.match(line)
        if begins and block and not fenced:
            yield "\n".join(block)
            block = []
        block.append(line)
        fenced = fenced != line.startswith("```")
    yield "\n".join(block)


def _comments(lines: Iterable[str]) -> Iterator[list[str]]:
    """Yields the lines of each comment that has its lines to itself, and each other line."""
    for comment, found in itertools.groupby(lines, lambda line: bool(_COMMENT.fullmatch(line))):
        listed = list(found)
        yield from [listed] if comment else ([line] for line in listed)


def _general(command: str) -> str:
    """Returns a command or query for any machine, or as it is."""
    asked = _ASKED.fullmatch(found := _LOGIN.sub("", " ".join(command.split())))
    logs = _LOGS.fullmatch(found)
    if asked or logs:
        return asked[1] if asked else _logql(logs[1]) if logs else found
    for pattern, address in _ADDRESSES:
        found = pattern.sub(address, found)
    return found if found != " ".join(command.split()) else command


def _logql(query: str) -> str:
    """Returns a query of VictoriaLogs, of the few forms that runbooks have, in LogQL without its time."""
    named: dict[str, str] = dict(each.split(":", 1) for each in _WORD.findall(query))
    name, event = named.pop("service.name"), named.pop("_msg", "")
    named.pop("_time")
    found = [f'{{service_name="{name}"}}', *([f'|= "{event}"'] if event else [])]
    for key, value in named.items():
        several = _SEVERAL.fullmatch(value)
        if value.startswith(">"):
            found.append(f'| {key}{value} | __error__=""')
        elif several:
            found.append(log_queries.matching(key, several[1].replace(",", "|")))
        else:
            found.append(log_queries.equal(key, value))
    return " ".join(found)
