r"""Patterns of secrets and personal data: one list for the library and the Collector.

`otel.redaction.scan` applies it, `stack.redaction_rules` writes it into collector-config/base.yaml, and one
corpus (tests/redaction/) tests both. Patterns use what Python's `re` and RE2 have in common, and three
constructs that `re2` translates:

- Possessive quantifiers (`++`) of one character, and atomic groups (`(?>`): they keep Python's time linear
  in the length of the text. Up to Python 3.11.4, a possessive quantifier of a group misses matches (CPython
  issue 106052).
- `(?<![x])` at the start. RE2 cannot look back, so the Collector masks the preceding character as well.
- `_NO_AT`, which saves Python an alternative.

A check (`accepts`) spares text that has the form by chance. RE2 has no checks: the Collector masks that too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from otel.redaction.checks import is_account, is_opaque, passes_luhn
from otel.redaction.keys import NAME_IN_TEXT

MASK: Final = "[redacted]"


@dataclass(frozen=True, slots=True)
class Rule:
    """One form of secret.

    A match has at least `shortest` characters and one of the `hints`; without hints, it has four digits or 14
    token characters in a row. `kept` is the template of the part that is kept. `after` is a look-behind that
    saves Python time and excludes nothing. `folds` ignores case in the library, where a check decides.
    `collector` is False for rules RE2 cannot express, `library` for those `otel.redaction.scan` does better.
    """

    name: str
    pattern: str
    hints: tuple[str, ...] = ()
    shortest: int = 0
    accepts: Callable[[str], bool] | None = None
    kept: str = ""
    after: str = ""
    folds: bool = False
    collector: bool = True
    library: bool = True

    def compiled(self) -> re.Pattern[str]:
        """Returns the pattern for the library."""
        flags = re.ASCII | (re.IGNORECASE if self.folds else re.NOFLAG)
        return re.compile(self.after + self.pattern, flags)

    def re2(self) -> str:
        """Returns the pattern for the Collector."""
        return re2(self.pattern)


def re2(pattern: str) -> str:
    """Translates a pattern of this module to RE2 syntax; RE2 finds everything Python finds."""
    plain = re.sub(r"(?<=[+*?}])\+", "", pattern.replace(_NO_AT, "")).replace("(?>", "(?:")
    return re.sub(r"\(\?<!\[(.+?)\]\)", r"(?:^|[^\1])", plain)


# RFC 3986 section 2.1, once or up to four times.
_PERCENT: Final = r"%(?:25)?(?:25)?(?:25)?"
_BLANK: Final = rf"{_PERCENT}20"
_JOINT: Final = rf"(?: |\+|{_BLANK})?"
_GAP: Final = rf"(?:[ ()/.\-]|{_BLANK})"
# A mail address ends at whatever separates it from others in URLs, JSON and prose.
_NO_AT: Final = r"(?!(?:25){0,3}40)"
_OUTSIDE: Final = r"\s@\"<>()\[\]{},;:=&?/\\|"
_LABEL: Final = r"[^\x00-,./:-@\[-^`{-\x7f]"  # letters of any alphabet, digits, hyphen, underscore
_LETTER: Final = r"[^\x00-@\[-`{-\x7f]"
# A quoted string. Where its quotes are escaped, as in JSON in JSON, n backslashes precede each, and 2n + 1
# an inner quote; a repr doubles both. A trailing backslash counts as such a quote. A string that is cut off
# ends with its line.
_STRING: Final = (
    r"\"(?>(?:[^\"\\\n]|\\++[^\n])*)\"?"
    r"|'(?>(?:[^'\\\n]|\\++[^\n])*)'?"
    r"|\\\"(?>(?:[^\"\\\n]|\\[^\"\\\n]|\\\\++[^\n])*)(?:\\\")?"
    r"|\\{2,3}\"(?>(?:[^\"\\\n]|\\{1,3}[^\"\\\n]|\\{4,}+[^\n])*)(?:\\{2,3}\")?"
    r"|\\{4,}+\"(?>(?:[^\"\\\n]|\\{1,7}[^\"\\\n]|\\{8,}+[^\n])*)(?:\\{4,7}\")?"
    r"|\\++'[^'\n]*+'?"
)
_LIST: Final = r"[\[({][^\])}]*+[\])}]?"
VALUE: Final = rf"(?:{_STRING}|{_LIST}|[^\s,;&\"'(){{}}\[\]<>]++)"
"""A value after `key=` or `key:`."""
COLON: Final = rf"(?>(?:\\*[\"']|%22)?)(?>(?:\]|%5[dD])?)\s{{0,3}}+(?:[=:]>?|{_PERCENT}3[aAdD])\s{{0,3}}"
"""The text between a key, which may be in quotes or brackets, and its value."""
PARTNER: Final = r"[\"'],\s?b?(?:\"(?>(?:[^\"\\\n]|\\.)*)\"|'(?>(?:[^'\\\n]|\\.)*)')[)\]]"
"""The rest of a bracketed pair after its name, as in the repr of a list of headers."""

_HEADER: Final = r"\b(?i:authorization|cookie|x-forwarded-for)"
_TO_THE_END: Final = r"(?>(?:[^\r\n\"'=]|=\\*+\"[^\"\r\n]*+\"|=)+)"
_SCHEME: Final = r"(?i:bearer|basic|negotiate|apikey|token|dpop)"
# Base64 of printable ASCII uses few letters in three of four positions: words and ids do not match for long.
_BASE64: Final = r"[I-Za-f][C-HS-Xi-ny-z0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/]"

_PREFIXED: Final = (
    r"\b(?:(?:AIza|gh[oprsu]_|github_pat_|glpat-|[prs]k_(?:live|test)_|sntr[uy]s?_|whsec_|xox[a-z]-)"
    r"[\w\-]{10,}+"
    r"|A(?:KI|SI)A[0-9A-Z]{12,}+|(?:hf|npm)_[A-Za-z0-9]{30,}+|sk-[\w\-]{16,}+)"
)
NAMES: Final = (
    rf"eyJ[\w\-]{{4,}}+\.[\w\-]{{2}}|{_PREFIXED}|[A-Z]{{2}}\d{{2}}[A-Z0-9]{{11}}"
    r"|\d{13}|\d{4}[.\-]\d{4,6}[.\-]\d{4}"
)
"""JWTs, keys, IBANs and cards as they appear in a metric name: the Collector drops what has such a name."""

RULES: Final = (
    # RFC 7468 and its predecessors: any block, also percent-encoded, in JSON, or without its end.
    Rule(
        "PEM",
        r"-{4,5} ?BEGIN[A-Z0-9 %+]{1,60}-{4,5}(?>(?:[^-]|-[^-])*)(?:-{4,5} ?END[A-Z0-9 %+]{1,60}-{4,5})?",
        hints=("BEGIN",),
    ),
    Rule(
        "header",
        rf"({_HEADER}{COLON})(?:{_STRING}|{_LIST}|{_TO_THE_END})",
        hints=("ookie", "OOKIE", "uthorization", "UTHORIZATION", "orwarded", "ORWARDED"),
        kept=r"\1",
    ),
    # RFC 3986 section 3.2.1.
    Rule("user information", r"(://)[^/\s@\"'<>]++@", hints=("://",), kept=r"\1"),
    # The library keeps the names and the number of values.
    Rule("query of a URL", r"\?[\w.~%+\[\]\-]++=[^\s#\"'<>]*+", library=False),
    # RFC 5321's usual form in any alphabet; percent-encoded (RFC 3986) once or more, or escaped (JSON, HTML).
    Rule(
        "mail address",
        rf"(?:[^{_OUTSIDE}'%]|%{_NO_AT})(?>(?:[^{_OUTSIDE}%]|%{_NO_AT})*)(?:@|{_PERCENT}40|\\+u0040|&#64;)"
        rf"(?:{_LABEL}++(?:\.|{_PERCENT}2[eE]))+{_LETTER}{{2,}}+",
        hints=("@", "%", "u0040", "#64;"),
        after=rf"(?<![^{_OUTSIDE}'])",
    ),
    # RFC 7519: two base64url JSON objects, which start with '{"', then a signature that may be missing.
    Rule(
        "JWT",
        r"eyJ[A-Za-z0-9_\-]{4,}+\.[A-Za-z0-9_\-]{2,}+(?:\.[A-Za-z0-9_\-]*+){0,3}",
        hints=("eyJ",),
        after=r"(?<![\w\-])",
    ),
    # RFC 9110 section 11.6.2: scheme and credentials, wherever they were copied. Not `Basic training`.
    Rule(
        "credentials",
        rf"\b({_SCHEME})\s{{1,3}}[A-Za-z0-9]"
        r"(?:[a-z]*+(?:[A-Z0-9_~+/=]|[.\-][A-Za-z0-9])[\w.~+/=\-]{4,}+|[a-z]{20,}+)",
        hints=(
            "earer",
            "EARER",
            "asic",
            "ASIC",
            "egotiate",
            "NEGOTIATE",
            "pi",
            "PI",
            "oken",
            "OKEN",
            "pop",
            "POP",
        ),
        kept=r"\1 ",
    ),
    # Keys with their vendor's recognisable prefix (GitHub, Slack, Stripe, AWS, Google, GitLab, Sentry).
    Rule(
        "prefixed key",
        _PREFIXED,
        shortest=14,
    ),
    # Before cards, because parts of an IBAN look like one.
    Rule(
        "IBAN",
        rf"(?:\b|_)[A-Z]{{2}}\d{{2}}(?:{_JOINT}[A-Z0-9]{{4}}){{2}}{_JOINT}[A-Z0-9]{{3}}"
        rf"(?:[A-Z0-9](?:{_JOINT}[A-Z0-9]{{4}}){{0,5}}(?:{_JOINT}[A-Z0-9]{{1,3}})?)?(?:\b|_)",
        shortest=15,
        accepts=is_account,
        folds=True,
    ),
    # As in a slug. Without the checksum, the middle of many UUIDs would match.
    Rule(
        "IBAN with hyphens",
        r"(?:\b|_)[A-Z]{2}\d{2}(?:-[A-Z0-9]{4}){2,7}(?:-[A-Z0-9]{1,3})?(?:\b|_)",
        hints=("-",),
        accepts=is_account,
        folds=True,
        collector=False,
    ),
    # 13 to 19 digits, in one run or in groups, that start like a payment card (ISO/IEC 7812).
    Rule(
        "card",
        r"(?<![A-Za-z\d.])(?:4\d|5[0-8]|2[2-7]|3[04-8]|6[0245])\d{2}"
        rf"(?:(?:[ \-]|{_BLANK})?\d){{9,15}}(?:\b|_)",
        shortest=13,
        accepts=passes_luhn,
    ),
    # ITU-T E.164: country code, at most 15 digits. Not a UTC offset, nor a version's build number.
    Rule(
        "phone number with +",
        rf"(?:(?<![\w.])\+|{_PERCENT}2[bB])[1-9](?>(?:(?>{_GAP}*)\d){{6,14}})\b",
        hints=("+", "%2"),
    ),
    # Requires a gap after the country code, which a number with leading zeros lacks.
    Rule(
        "phone number with 00",
        rf"(?<![\w.])00[1-9]\d?+\d?+{_GAP}\d(?>(?:(?>{_GAP}*)\d){{6,14}})\b",
        hints=("00",),
    ),
    Rule("telephone URI", r"tel:[\d+(][\d ()+./\-]{5,}+", hints=("tel:",)),
    # How bytes appear in JSON; secrets are often passed this way.
    Rule("base64 of a text", rf"\b(?>(?:{_BASE64}){{5,}})[A-Za-z0-9+/_\-]*+={{0,2}}", shortest=20),
    # A single line of a split PEM block: RFC 7468 section 2. A path starts with its slash.
    Rule(
        "PEM line",
        r"(?m:^|[\t\"'=]|: |\\n)(?:[0-9A-Fa-f][0-9A-Fa-f/]{0,10})?[G-Zg-z+][A-Za-z0-9+/]{38,75}+={0,2}"
        r"(?m:$|[\t\r\"'\\])",
        shortest=39,
        accepts=is_opaque,
    ),
    # A run of base64url characters long enough to be generated. RE2 cannot count character classes.
    Rule("generated", r"[A-Za-z0-9_\-+]{24,}+", shortest=24, accepts=is_opaque, collector=False),
)

PAIR: Final = rf"{NAME_IN_TEXT}(?:{COLON}{VALUE}|{PARTNER})"
"""A sensitive key and its value in prose, JSON, JSON in JSON, a query or a list of headers."""
