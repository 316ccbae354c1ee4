"""Which of the two formats of metrics a scraper gets: content negotiation (RFC 9110, 12.5.1)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Final

_MOST_RANGES: Final = 50


@dataclass(frozen=True, slots=True)
class Format:
    """A format of metrics; a client that asks for one of `versions` gets `content_type`."""

    media_type: str
    versions: frozenset[str]
    content_type: str


TEXT: Final = Format("text/plain", frozenset({"0.0.4"}), "text/plain; version=0.0.4; charset=utf-8")
OPENMETRICS: Final = Format(
    "application/openmetrics-text",
    frozenset({"1.0.0"}),
    "application/openmetrics-text; version=1.0.0; charset=utf-8",
)


@dataclass(frozen=True, slots=True)
class _Range:
    """One entry of an Accept header."""

    media_type: str
    quality: float
    parameters: Mapping[str, str] = field(default_factory=dict)

    def specificity(self, offered: Format) -> int:
        """Returns how closely it names the format: 0 if not at all."""
        kind = offered.media_type.partition("/")[0]
        if self.media_type == offered.media_type:
            version = self.parameters.get("version")
            if version is None:
                return 3
            return 4 if version in offered.versions else 0
        return {f"{kind}/*": 2, "*/*": 1}.get(self.media_type, 0)


def chosen(accept: str | None) -> Format:
    """Returns the format that an Accept header prefers; text if it names none of ours, or both equally."""
    ranges = list(_ranges(accept or ""))
    return OPENMETRICS if _quality(ranges, OPENMETRICS) > _quality(ranges, TEXT) else TEXT


def _quality(ranges: list[_Range], offered: Format) -> float:
    # The most specific range decides; of the versions of one type, the one wanted most.
    named = [(each.specificity(offered), each.quality) for each in ranges]
    return max((pair for pair in named if pair[0]), default=(0, 0.0))[1]


def _ranges(accept: str) -> Iterator[_Range]:
    for entry in accept.split(",")[:_MOST_RANGES]:
        message = Message()
        message["Content-Type"] = entry.strip()
        # Values in RFC 2231's form (`q*=`), which Accept does not have, are tuples.
        found: Iterable[tuple[str, object]] = message.get_params([])[1:]
        parameters = {name.lower(): value for name, value in found if isinstance(value, str)}
        yield _Range(entry.partition(";")[0].strip().lower(), _weight(parameters.pop("q", "1")), parameters)


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if math.isfinite(weight) and 0 <= weight <= 1 else 0.0
