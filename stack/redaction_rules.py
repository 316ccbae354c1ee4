"""Writes the rules of otel/redaction/ into collector-config/base.yaml, so that both share one list."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from collector_kit.fragments import FRAGMENTS, CollectorError
from otel.redaction.keys import FOREIGN_KEYS, KEY
from otel.redaction.rules import NAMES, PAIR, RULES, re2

_RULES: Final = [rule for rule in RULES if rule.collector]
_PAIR: Final = "a sensitive name and its value"
KEYS: Final = (KEY, *FOREIGN_KEYS)
VALUES: Final = {**{rule.name: rule.re2() for rule in _RULES}, _PAIR: re2(PAIR)}
# What the name of an attribute or a metric must not look like.
UNFIT: Final = re2(NAMES)
# A match left in a body whose values are masked must be in a key. A masked pair still looks like a pair.
LEFT: Final = "|".join(pattern for name, pattern in VALUES.items() if name not in (_PAIR, "header"))

_BLOCK: Final = re.compile(
    r"^(?P<indent> *)# Rules of otel/redaction/ for (?P<what>[a-z]+), written by `make generate`\.\n"
    r"(?P<text>.*?)^(?P=indent)# End of the rules\.\n",
    re.MULTILINE | re.DOTALL,
)
# The generated end of a pattern in a statement; the part before it is written by hand.
_SLOTS: Final = (
    re.compile(
        r'(delete_matching_keys\([\w.]+, "\[\^\\\\w\./:-\]\|\^\[\\\\W_\]\*\$(?:\|\^\([a-z|]+\)\\\\\.)?)[^"]*"'
    ),
    re.compile(
        r'(- not IsMatch\(metric\.(?:name|unit), "[^"]+"\) or IsMatch\(metric\.(?:name|unit), ")[^"]*"'
    ),
)


def render() -> str:
    """Returns base.yaml with the current rules and everything else unchanged.

    Raises:
        CollectorError: a block or statement that takes rules is missing.
    """
    text = (FRAGMENTS / "base.yaml").read_text(encoding="utf-8")
    blocks = {match["what"] for match in _BLOCK.finditer(text)}
    missing = set(_LINES) - blocks
    if missing:
        raise CollectorError(f"base.yaml has no block of rules for {', '.join(sorted(missing))}")
    text = _BLOCK.sub(_block, text)
    for slot in _SLOTS:
        text, count = slot.subn(_fill, text)
        if not count:
            raise CollectorError(f"base.yaml has no statement like {slot.pattern}")
    return text


def in_statement(pattern: str) -> str:
    """Returns a pattern escaped for an OTTL string."""
    return pattern.replace("\\", "\\\\").replace('"', '\\"')


def _fill(match: re.Match[str]) -> str:
    joint = "|" if "delete_matching_keys" in match[1] else ""
    return f'{match[1]}{joint}{in_statement(UNFIT)}"'


def _block(match: re.Match[str]) -> str:
    indent = match["indent"]
    body = "".join(f"{indent}{line}\n" for line in _LINES[match["what"]]())
    head, _, _ = match[0].partition("\n")
    return f"{head}\n{body}{indent}# End of the rules.\n"


def _redaction() -> Iterable[str]:
    yield "blocked_key_patterns:"
    yield from (f"  - {_quoted(pattern)}" for pattern in KEYS)
    yield "blocked_values:"
    for name, pattern in VALUES.items():
        yield f"  # {name}"
        yield f"  - {_quoted(pattern)}"


def _descriptions() -> Iterable[str]:
    for pattern in VALUES.values():
        yield "- " + _quoted(f'replace_pattern(metric.description, "{in_statement(pattern)}", "****")')


def _bodies() -> Iterable[str]:
    left = f'IsMatch(log.body.string, "{in_statement(LEFT)}")'
    yield "- " + _quoted(f'set(log.body, "****") where (IsMap(log.body) or IsList(log.body)) and {left}')


_LINES: Final = {"redaction": _redaction, "descriptions": _descriptions, "bodies": _bodies}


def _quoted(text: str) -> str:
    """Returns the text as a YAML scalar on one line."""
    doubled = text.replace("'", "''")
    return f"'{doubled}'"
