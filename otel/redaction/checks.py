"""Checks that tell a secret from text that has the same form by chance."""

from __future__ import annotations

import re
from typing import Final


def is_opaque(run: str) -> bool:
    """Returns whether a run of characters looks generated: both cases and at least two digits."""
    if run.islower() or run.isupper():
        # Most long runs are trace ids, request ids and names: decided without a look at each character.
        return False
    digits = sum(character.isdigit() for character in run)
    return digits > 1 and any(map(str.islower, run)) and any(map(str.isupper, run))


def passes_luhn(number: str) -> bool:
    """Returns whether the digits of `number` end in their Luhn check digit (ISO/IEC 7812-1 annex B)."""
    total = 0
    for position, character in enumerate(reversed([c for c in _plain(number) if c.isdigit()])):
        digit = int(character) * (1 + position % 2)
        total += digit - 9 if digit > 9 else digit  # noqa: PLR2004 - nine is the rule's own number
    return total % 10 == 0


def is_account(text: str) -> bool:
    """Returns whether the text starts with an IBAN of the country's length and checksum (ISO 13616-1)."""
    compact = "".join(filter(str.isalnum, _plain(text))).upper()
    account = compact[: _ACCOUNTS.get(compact[:2], 0)]
    if len(account) < _ACCOUNTS.get(compact[:2], len(compact) + 1):
        return False
    return int("".join(str(int(each, 36)) for each in account[4:] + account[:4])) % 97 == 1


def _plain(text: str) -> str:
    return re.sub(r"%(?:25)*20", "", text)


# Country and length, from the IBAN registry (SWIFT, release 99).
_REGISTRY: Final = """
    AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28
    EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26
    IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28
    NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25
    SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30
"""
_ACCOUNTS: Final = {country: int(length) for country, length in re.findall(r"([A-Z]+)(\d+)", _REGISTRY)}
