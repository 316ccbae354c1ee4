"""Applies the rules to one text in time linear in its length."""

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


_PEM: Final = rules.RULES[0].compiled()
_ALL: Final[tuple[_Search, ...]] = tuple(
    (rule.shortest, rule.hints, rule.compiled(), _replacement(rule))
    for rule in rules.RULES[1:]
    if rule.library
)
_HINTED: Final = tuple(search for search in _ALL if search[1])
_WITHOUT_HINT: Final = tuple(search for search in _ALL if not search[1])
# A text without any of these has no hint and no pair: one search instead of thirty.
_MARK: Final = re.compile(r"[@%+:=?#\\'\" \-]|00|eyJ")
# Every match of a rule without hints contains one of these.
_DENSE: Final = re.compile(r"\d{4}|[A-Za-z0-9_+\-]{14}|[A-Za-z0-9_+/\-]{20}")

_PAIR_KEY: Final = re.compile(rf"(?<![\w.\-])([\w.\-]++){rules.COLON}", re.ASCII)
_PAIR_VALUE: Final = re.compile(rules.VALUE, re.ASCII)
_PARTNER_KEY: Final = re.compile(rf"(?<![\w.\-])([\w.\-]++)(?={rules.PARTNER})", re.ASCII)
_PARTNER_VALUE: Final = re.compile(rules.PARTNER, re.ASCII)
# A query inside a text ends where a URL would.
_QUERY: Final = re.compile(r"\?([^\s?#\"'<>]++)")
_QUERY_VALUE: Final = re.compile(r"=[^&;]*+")
# A parameter without a value is a flag, or, if long, itself a value (`?<token of a link in a mail>`).
_QUERY_BARE: Final = re.compile(r"(?<![^&;])[^&;=]{13,}+(?![^&;])")


def scan(text: str, is_sensitive: KeyTest) -> str:
    """Returns the text with every secret masked; a lone surrogate becomes `?`."""
    if not text.isascii():
        # UTF-8 cannot encode one (a JSON body may hold "\ud800"), and a single one would cost a whole batch.
        text = text.encode("utf-8", "replace").decode("utf-8")
    dense = _DENSE.search(text) is not None
    if _MARK.search(text) is None:
        return _apply(_WITHOUT_HINT, text) if dense else text
    # Before the queries: a block may begin in one, and the remainder would not be recognised.
    if "BEGIN" in text:
        text = _PEM.sub(MASK, text)
    if "?" in text and "=" in text:
        text = _QUERY.sub(lambda match: "?" + strip_values(match[1]), text)
    text = _apply(_ALL if dense else _HINTED, text)
    if "=" in text or ":" in text or "%3" in text:
        text = _mask_pairs(text, is_sensitive, _PAIR_KEY, _PAIR_VALUE)
    if "'," in text or '",' in text:
        text = _mask_pairs(text, is_sensitive, _PARTNER_KEY, _PARTNER_VALUE)
    return text


def _apply(searches: tuple[_Search, ...], text: str) -> str:
    length = len(text)
    for shortest, hints, pattern, replacement in searches:
        if length < shortest:
            continue
        if not hints:
            text = pattern.sub(replacement, text)
            continue
        for hint in hints:
            if hint in text:
                text = pattern.sub(replacement, text)
                break
    return text


def _mask_pairs(text: str, is_sensitive: KeyTest, keys: re.Pattern[str], values: re.Pattern[str]) -> str:
    # The value of a harmless key is scanned too: in `ValueError: password=...` it holds the next pair.
    parts: list[str] = []
    done = 0
    for key in keys.finditer(text):
        if key.start() < done or not is_sensitive(key[1]):
            continue
        value = values.match(text, key.end())
        if value is not None:
            parts += (text[done : key.end()], MASK)
            done = value.end()
    return "".join(parts) + text[done:] if parts else text


def strip_url(url: str) -> str:
    """Returns the URL with its query values masked; everything after the first `?` is the query."""
    path, mark, query = url.partition("?")
    return f"{path}?{strip_values(query)}" if mark else url


def strip_values(query: str) -> str:
    """Returns a query string with its values masked and its names unchanged."""
    return _QUERY_VALUE.sub(f"={MASK}", _QUERY_BARE.sub(MASK, query))
