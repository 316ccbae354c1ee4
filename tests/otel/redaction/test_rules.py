"""The rules in both dialects: what the library finds, the Collector finds; the checks and the key names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel.redaction.checks import is_account, is_opaque, passes_luhn
from otel.redaction.keys import is_sensitive_key
from otel.redaction.rules import RULES, Rule, re2
from stack.settings import REPOSITORY

POSSESSIVE_GROUP = re.compile(r"\)(?:[*+?]|\{+\d*,?\d*\}+)\+")
SHARED = [rule for rule in RULES if rule.collector and rule.library]
AROUND = st.sampled_from(["", "", " ", "a", "7", "\n", "ä", "=", '"', "@", "://", ".", "-", "_", "%25", "\\"])


def test_no_quantifier_of_a_group_is_possessive() -> None:
    """Up to Python 3.11.4, which Debian 12 has, such a pattern misses matches (python/cpython#106052)."""
    assert POSSESSIVE_GROUP.search(r"(?:%(?!40)|[^%]){1,}+")
    sources = [
        path
        for folder in ("otel", "app", "stack", "collector-config")
        for path in (REPOSITORY / folder).rglob("*.py")
    ]
    assert [str(path) for path in sources if POSSESSIVE_GROUP.search(path.read_text())] == []


@pytest.mark.parametrize("rule", SHARED, ids=lambda rule: rule.name)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_what_the_library_finds_the_collector_finds(rule: Rule, data: st.DataObject) -> None:
    """Compares spans except for letter case, which the library ignores where a check decides."""
    ours, theirs = re.compile(rule.after + rule.pattern, re.ASCII), re.compile(rule.re2(), re.ASCII)
    match = data.draw(st.from_regex(theirs, fullmatch=True))
    text = data.draw(AROUND) + match + data.draw(AROUND)
    for found in ours.finditer(text):
        spans = [each.span() for each in theirs.finditer(text)]
        assert any(start <= found.start() and found.end() <= end for start, end in spans)


@pytest.mark.parametrize("rule", SHARED, ids=lambda rule: rule.name)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_every_match_has_a_hint(rule: Rule, data: st.DataObject) -> None:
    match = data.draw(st.from_regex(re.compile(rule.re2(), re.ASCII), fullmatch=True))
    for text in (match.lower(), match.upper()) if "(?i" in rule.pattern else (match,):
        for found in rule.compiled().finditer(text):
            assert len(found[0]) >= rule.shortest
            assert not rule.hints or any(hint in found[0] for hint in rule.hints)


@pytest.mark.parametrize(
    ("pattern", "translated"),
    [
        (r"[a+]++b*+c?+\+{2,3}+", r"[a+]+b*c?\+{2,3}"),
        (r"(?<![\w.])x", r"(?:^|[^\w.])x"),
        (r"(?>(?:a|b)*)", r"(?:(?:a|b)*)"),
    ],
)
def test_what_re2_lacks_is_translated(pattern: str, translated: str) -> None:
    assert re2(pattern) == translated


@pytest.mark.parametrize(
    "account",
    [
        "DE89 3704 0044 0532 0130 00",
        "de89370400440532013000",
        "NO9386011117947",
        "MT84MALT011000012345MTLCAST001S",
        "DE89%203704%200044%200532%200130%2000",
    ],
)
def test_an_account_has_its_countrys_length_and_checksum(account: str) -> None:
    assert is_account(account)
    assert not is_account(account.replace("1", "2", 1))
    assert not is_account(account[:-3])
    assert not is_account("XX" + account[2:])


def test_a_card_is_recognized_by_its_check_digit_in_any_notation() -> None:
    assert passes_luhn("4111%201111%201111%201111")
    assert not passes_luhn("4111 1111 1111 1112")


def test_an_opaque_run_has_both_cases_and_two_digits() -> None:
    assert is_opaque("aB1c2")
    assert not is_opaque("aB1c")
    assert not is_opaque("ab1c2")


@pytest.mark.parametrize(
    "rest", ["", "_hash", "Hash", "2", "_of_yesterday", "_e", ".value", "-x-y", "_length_of_it"]
)
def test_a_secret_word_masks_whatever_follows_it(rest: str) -> None:
    assert is_sensitive_key(f"new_password{rest}")


@pytest.mark.parametrize(
    "end", ["type", "count", "length", "size", "limit", "ttl", "seconds", "bytes", "valid"]
)
def test_a_harmless_suffix_keeps_the_value(end: str) -> None:
    for key in (f"password_{end}", f"password{end.title()}", f"user.password.reset-{end.upper()}"):
        assert not is_sensitive_key(key)
        assert is_sensitive_key(f"{key}_x")


def test_a_key_over_256_characters_masks_its_value() -> None:
    assert is_sensitive_key("a" * 257)
    assert not is_sensitive_key("a" * 256)
