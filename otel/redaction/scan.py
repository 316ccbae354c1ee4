"""Applies the rules to one text, in time that grows with its length and not with the square of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from otel.redaction import rules
from otel.redaction.rules import MASK

KeyTest = Callable[[str], bool]
_Replace = str | Callable[[re.Match[str]], str]
_Search = tuple[int, tuple[str, ...], re.Pattern[str], _Replace]


def _replacement(rule: rules.Rule) -> _Replace:
    accepts = rule.accepts
    if accepts is None:
        return rule.kept + MASK
    return lambda match: MASK if accepts(match[0]) else match[0]


def _search(rule: rules.Rule) -> _Search:
    return rule.shortest, rule.hints, rule.compiled(), _replacement(rule)


_PEM: Final = rules.RULES[0].compiled()
_HINTED: Final = tuple(_search(rule) for rule in rules.RULES[1:] if rule.hints)
_OTHERS: Final = tuple(_search(rule) for rule in rules.RULES if not rule.hints)
_SHORTEST: Final = min(search[0] for search in _OTHERS)
# A text without any of these has no hint and no pair: one look instead of thirty.
_MARK: Final = re.compile(r"[@%+:=?#\\'\"-]|00|eyJ")

_PAIR_KEY: Final = re.compile(rf"(?<![\w.\-])([\w.\-]++)(?:{rules.COLON}|(?={rules.PARTNER}))", re.ASCII)
_PAIR_VALUE: Final = re.compile(rf"{rules.VALUE}|{rules.PARTNER}", re.ASCII)
# A query that is part of a text ends where a text would end a URL.
_QUERY: Final = re.compile(r"\?([^\s?#\"'<>]++)")
_QUERY_VALUE: Final = re.compile(r"=[^&;]*+")
# A parameter without a value is a flag, or if it is long a value itself (`?<token of a link in a mail>`).
_QUERY_BARE: Final = re.compile(r"(?<![^&;])[^&;=]{13,}+(?![^&;])")


def scan(text: str, is_sensitive: KeyTest) -> str:
    """Returns the text with every secret masked; half a surrogate pair becomes `?`."""
    if not text.isascii():
        # UTF-8 has no form for it (a JSON body may hold "\ud800"), and one would cost a whole batch.
        text = text.encode("utf-8", "replace").decode("utf-8")
    marked = _MARK.search(text) is not None
    if marked:
        text = _by_hint(text)
    length = len(text)
    if length >= _SHORTEST:
        for shortest, _, pattern, replacement in _OTHERS:
            if length >= shortest:
                text = pattern.sub(replacement, text)
    return _mask_pairs(text, is_sensitive) if marked else text


def _by_hint(text: str) -> str:
    # Before the queries: a block may begin in one, and what is left of it could not be recognised.
    if "BEGIN" in text:
        text = _PEM.sub(MASK, text)
    if "?" in text and "=" in text:
        text = _QUERY.sub(lambda match: "?" + strip_values(match[1]), text)
    for _, hints, pattern, replacement in _HINTED:
        for hint in hints:
            if hint in text:
                text = pattern.sub(replacement, text)
                break
    return text


def _mask_pairs(text: str, is_sensitive: KeyTest) -> str:
    # The value of a harmless key is not skipped: in `ValueError: password=...` it holds the next pair.
    parts: list[str] = []
    done = 0
    for key in _PAIR_KEY.finditer(text):
        if key.start() < done or not is_sensitive(key[1]):
            continue
        value = _PAIR_VALUE.match(text, key.end())
        if value is not None:
            parts += (text[done : key.end()], MASK)
            done = value.end()
    return "".join(parts) + text[done:] if parts else text


def strip_url(url: str) -> str:
    """Returns the URL with its query's values masked; everything behind the first `?` is the query."""
    path, mark, query = url.partition("?")
    return f"{path}?{strip_values(query)}" if mark else url


def strip_values(query: str) -> str:
    """Returns a query string whose values are masked, and its names are as they were."""
    return _QUERY_VALUE.sub(f"={MASK}", _QUERY_BARE.sub(MASK, query))
