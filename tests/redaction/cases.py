"""The corpus, read; and the names that sentry-sdk denies, as cases of it."""

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
    """What comes in at a place, what may not remain of it, and what must."""

    place: str
    input: str
    gone: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    only: str = ""
    because: str = ""

    def __str__(self) -> str:
        """Names the case in a test's id."""
        return f"{self.place}: {self.input[:40]!r}"

    @property
    def value(self) -> str:
        """What the field of a case `field` holds."""
        return (self.gone or self.kept)[0]


def cases_for(side: str) -> list[Case]:
    """Returns the cases of the library or of the Collector."""
    written = yaml.safe_load((Path(__file__).parent / "corpus.yml").read_text(encoding="utf-8"))
    denied = [
        Case("field", name, [SECRET]) for name in dict.fromkeys(DEFAULT_DENYLIST + DEFAULT_PII_DENYLIST)
    ]
    return [case for case in [*(Case(**each) for each in written), *denied] if case.only in ("", side)]


def strings(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Yields every text of a JSON value, keys too, and every number as a text."""
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
    """Returns the texts in which something is left that should be gone."""
    return [text for text in found if any(secret in text for secret in case.gone)]


def losses(case: Case, found: Iterable[str]) -> list[str]:
    """Returns what should be in one of the texts and is in none."""
    texts = list(found)
    return [kept for kept in case.kept if not any(kept in text for text in texts)]
