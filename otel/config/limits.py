"""Limits on one span or log record: the `OTEL_*_LIMIT` variables of the specification.

Source: OpenTelemetry specification, "Attribute limits", "Span limits", "LogRecord limits". A limit for spans
or log records overrides the general one; with neither set, counts are limited to 128 and lengths unlimited.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from otel.config.parsing import at_least_zero_or_none
from otel.config.variables import setting

_MOST: Final = 128
_GENERAL: Final = "default: the general limit"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits as configured, None where unset; the methods resolve which one applies."""

    value_length: int | None = setting(
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", at_least_zero_or_none, "", "maximum characters per attribute"
    )
    count: int | None = setting(
        "OTEL_ATTRIBUTE_COUNT_LIMIT", at_least_zero_or_none, "128", "maximum attributes per item"
    )
    span_value_length: int | None = setting(
        "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", at_least_zero_or_none, "", _GENERAL
    )
    span_count: int | None = setting("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", at_least_zero_or_none, "", _GENERAL)
    events: int | None = setting(
        "OTEL_SPAN_EVENT_COUNT_LIMIT", at_least_zero_or_none, "128", "maximum events per span"
    )
    links: int | None = setting(
        "OTEL_SPAN_LINK_COUNT_LIMIT", at_least_zero_or_none, "128", "maximum links per span"
    )
    event_count: int | None = setting("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", at_least_zero_or_none, "", _GENERAL)
    link_count: int | None = setting("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", at_least_zero_or_none, "", _GENERAL)
    log_value_length: int | None = setting(
        "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", at_least_zero_or_none, "", _GENERAL
    )
    log_count: int | None = setting(
        "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", at_least_zero_or_none, "", _GENERAL
    )

    def counted(self, own: int | None) -> int:
        """Returns `own` if set, else the general count limit."""
        general = _MOST if self.count is None else self.count
        return general if own is None else own

    def measured(self, own: int | None) -> int | None:
        """Returns `own` if set, else the general length limit; None means no limit."""
        return self.value_length if own is None else own
