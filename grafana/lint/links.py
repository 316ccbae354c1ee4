"""Rules about what leads elsewhere or stands for something: links and variables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from grafana.lint.known import Known
from grafana.lint.shown import Content, Finding, Shown, defaults, overrides
from grafana.lint.shown import title as named
from stack.boards.expansion import names
from stack.boards.window import seconds
from stack.settings import REPOSITORY

_MARKDOWN: Final = re.compile(r"\]\(([^)\s]+)\)")
_PAGE: Final = re.compile(r"\bdocs/[\w/-]+\.md\b")
_BOARD: Final = re.compile(r"/d/([\w-]+)(?:/[\w-]*)?")
# Pages of Grafana itself.
_PAGES: Final = frozenset({"/alerting/groups", "/alerting/silences", "/alerting/list"})
_OWN: Final = "__"


def links(board: Shown, known: Known) -> Iterator[Finding]:
    """Each link leads to a board, a panel, a variable, a page that exists."""
    for where, url in _urls(board):
        yield from ((where, fault) for fault in _of_url(board, url, known))
    tags = {tag for each in known.boards.values() for tag in each.content.get("tags") or []}
    for link in board.content.get("links") or []:
        wanted = set(link.get("tags") or []) if link.get("type") == "dashboards" else set()
        for tag in sorted(wanted - tags):
            yield (
                f"link {link.get('title')}",
                f"no board has the tag {tag!r}: use one of {', '.join(sorted(tags))}.",
            )
    for panel in board.panels:
        text = f"{panel.get('description') or ''} {(panel.get('options') or {}).get('content') or ''}"
        for page in sorted(set(_PAGE.findall(text))):
            if not (REPOSITORY / page).is_file():
                yield named(panel), f"there is no page {page}: correct the name."


def _urls(board: Shown) -> Iterator[tuple[str, str]]:
    for link in board.content.get("links") or []:
        if link.get("type") == "link":
            yield f"link {link.get('title')}", link.get("url") or ""
    for panel in board.panels:
        content = (panel.get("options") or {}).get("content") or ""
        found = [*(panel.get("links") or []), *(defaults(panel).get("links") or [])]
        found += [each for name, value in overrides(panel) if name == "links" for each in value or []]
        yield from ((named(panel), each.get("url") or "") for each in found)
        yield from ((named(panel), url) for url in _MARKDOWN.findall(content))


def _of_url(board: Shown, url: str, known: Known) -> Iterator[str]:
    own = {each["name"] for each in board.variables}
    for name in sorted(names(url) - own):
        if not name.startswith(_OWN):
            yield f"its link has the variable ${name}, which the board has not: add it, or correct {url}."
    if url.startswith("${") or urlsplit(url).path in _PAGES:
        return
    match = _BOARD.match(url)
    if match is None:
        yield f"its link {url!r} has no board and no variable as its host: use /d/UID or ${{variable}}."
    elif match[1] not in known.boards:
        yield f"there is no board {match[1]!r}: link to one of {', '.join(sorted(known.boards))}."
    else:
        yield from _of_target(known.boards[match[1]], url)


def _of_target(target: Shown, url: str) -> Iterator[str]:
    query = re.sub(
        r"\$\{__url_time_range\}|\$__url_time_range|\$\{__all_variables\}|\$\{\w+:queryparam\}", "", url
    )
    known = {each["name"] for each in target.variables}
    for key, value in parse_qsl(urlsplit(query).query, keep_blank_values=True):
        if key.startswith("var-") and key.removeprefix("var-") not in known:
            yield f"the board {target.uid} has no variable {key.removeprefix('var-')!r}: correct {url}."
        if key == "viewPanel" and value.removeprefix("panel-") not in {
            str(each["id"]) for each in target.panels
        }:
            yield f"the board {target.uid} has no panel {value}: correct the link {url}."


def variables(board: Shown, _known: Known) -> Iterator[Finding]:
    """Each variable that is used exists, and comes before its use; each that exists is used."""
    known = [each["name"] for each in board.variables]
    used = set[str]()
    for where, node in _uses(board):
        found = {name for text in _texts(node) for name in names(text) if not name.startswith(_OWN)}
        used |= found
        for name in sorted(found - set(known)):
            yield where, f"there is no variable ${name}: add it to the board."
    for place, variable in enumerate(board.variables):
        asked = names(str(variable.get("query") or "")) - {variable["name"]}
        for name in sorted(asked & set(known[place:])):
            yield (
                f"variable {variable['name']}",
                f"its query uses ${name}, which comes later: change the order.",
            )
    for name in known:
        if name not in used:
            yield f"variable {name}", "no query and no link uses it: drop it from the board."


def _uses(board: Shown) -> Iterator[tuple[str, Any]]:
    yield from ((named(panel), panel) for panel in board.panels)
    yield from ((f"annotation {each.get('name')}", each) for each in board.annotations)
    yield from ((f"link {each.get('title')}", each) for each in board.content.get("links") or [])
    for variable in board.variables:
        fields: Content = {key: variable.get(key) for key in ("query", "datasource", "regex")}
        yield f"variable {variable['name']}", {} if variable["type"] == "datasource" else fields


def _texts(node: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    if isinstance(node, str):
        yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from _texts(child)


def refresh(board: Shown, known: Known) -> Iterator[Finding]:
    """A board asks again no faster than there is something new, and its range begins at a time."""
    chosen = board.content.get("refresh") or ""
    listed = (board.content.get("timepicker") or {}).get("refresh_intervals") or []
    for each in dict.fromkeys([chosen, *listed]):
        if each and seconds(each) < known.interval:
            yield (
                "the board",
                f"it can refresh every {each}, but data comes every {known.interval:g}s: choose more.",
            )
    if not re.fullmatch(r"now-\d+[mhdw]", (board.content.get("time") or {}).get("from") or ""):
        yield "the board", "it has no time range at first: set one that answers its question, as 1h."
