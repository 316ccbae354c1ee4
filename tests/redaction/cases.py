"""Reads the corpus, and adds the names on sentry-sdk's denylist as cases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from sentry_sdk.scrubber import DEFAULT_DENYLIST, DEFAULT_PII_DENYLIST

SECRET = "hunter2"


@dataclass(frozen=True)
class Case:
    """An input at a place, what must not remain of it, and what must."""

    place: str
    input: str
    gone: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    only: str = ""
    because: str = ""

    def __str__(self) -> str:
        """Returns the case's name for the test id."""
        return f"{self.place}: {self.input[:40]!r}"

    @property
    def value(self) -> str:
        """Returns what the case's `field` contains."""
        return (self.gone or self.kept)[0]


def cases_for(side: str) -> list[Case]:
    """Returns the cases of the library or of the Collector."""
    written = yaml.safe_load((Path(__file__).parent / "corpus.yml").read_text(encoding="utf-8"))
    denied = [
        Case("field", name, [SECRET]) for name in dict.fromkeys(DEFAULT_DENYLIST + DEFAULT_PII_DENYLIST)
    ]
    return [case for case in [*(Case(**each) for each in written), *denied] if case.only in ("", side)]


def strings(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Yields every text of a JSON value, including keys, and every number as a text."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield str(key)
            yield from strings(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from strings(each)
    else:
        yield str(value)


def leaks(case: Case, found: Iterable[str]) -> list[str]:
    """Returns the texts that still contain something that should be masked."""
    return [text for text in found if any(secret in text for secret in case.gone)]


def losses(case: Case, found: Iterable[str]) -> list[str]:
    """Returns what should be in one of the texts but is in none."""
    texts = list(found)
    return [kept for kept in case.kept if not any(kept in text for text in texts)]
