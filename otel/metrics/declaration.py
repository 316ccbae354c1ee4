"""The declaration of one metric, from which the reference, the Views and the limits are made."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import Final, Literal

from otel.metrics.attributes import Allowed, is_encodable

Kind = Literal["counter", "updowncounter", "gauge", "histogram"]

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Bucket bounds of durations in seconds (semantic conventions, `http.server.request.duration`)."""

BYTES: Final = (0.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 4194304.0)
"""Bucket bounds of sizes in bytes: powers of four from 256 B to 4 MiB."""

DEFAULT_LIMIT: Final = 1000
"""Series per instrument before the overflow series; the specification's default is 2000."""

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")
_DEFAULT_BUCKETS: Final = MappingProxyType({"s": SECONDS, "By": BYTES})


@dataclass(frozen=True, slots=True)
class Declaration:
    """One metric: `name` in lower-case words joined by dots, `unit` in UCUM, attributes with allowed values.

    `limit` is the number of series beyond which all others fold into `otel.metric.overflow=true`.
    `buckets` are a histogram's increasing upper bounds; the units `s` and `By` have defaults.
    `recorded_by` names the library that records it; empty for our own instruments.

    Raises:
        ValueError: A part is missing or malformed; the message names the metric and the part.
    """

    name: str
    kind: Kind
    unit: str
    description: str
    attributes: Mapping[str, Allowed] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()
    limit: int = DEFAULT_LIMIT
    recorded_by: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"metric name {self.name!r}: use lower-case words joined by dots")
        if not self.unit or not self.description:
            raise ValueError(f"metric {self.name}: a unit (UCUM) and a description are required")
        if not is_encodable(self.unit + self.description):
            raise ValueError(f"metric {self.name}: its unit or description cannot be encoded as UTF-8")
        if self.limit < 1:
            raise ValueError(f"metric {self.name}: the limit must be at least 1, got {self.limit}")
        object.__setattr__(self, "attributes", MappingProxyType(dict(self.attributes)))
        object.__setattr__(self, "buckets", self._checked_buckets())

    def _checked_buckets(self) -> tuple[float, ...]:
        if self.kind != "histogram":
            return ()
        buckets = tuple(float(bound) for bound in self.buckets or _DEFAULT_BUCKETS.get(self.unit, ()))
        if not buckets:
            raise ValueError(f"metric {self.name}: a histogram in {self.unit!r} needs buckets=(...)")
        if not all(low < high for low, high in pairwise((-math.inf, *buckets, math.inf))):
            raise ValueError(f"metric {self.name}: buckets must be finite and increase, got {buckets}")
        return buckets
