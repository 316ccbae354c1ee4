"""How much one span or log record may hold: the `OTEL_*_LIMIT` variables of the specification.

Source: OpenTelemetry specification, "Attribute limits", "Span limits", "LogRecord limits". A limit of spans
or of log records wins over the general one; without either, counts end at 128 and lengths nowhere.
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
    """The limits as they were set, None where they were not; the methods tell which one holds."""

    value_length: int | None = setting(
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", at_least_zero_or_none, "", "characters of one attribute at most"
    )
    count: int | None = setting(
        "OTEL_ATTRIBUTE_COUNT_LIMIT", at_least_zero_or_none, "128", "attributes of one item at most"
    )
    span_value_length: int | None = setting(
        "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", at_least_zero_or_none, "", _GENERAL
    )
    span_count: int | None = setting("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", at_least_zero_or_none, "", _GENERAL)
    events: int | None = setting(
        "OTEL_SPAN_EVENT_COUNT_LIMIT", at_least_zero_or_none, "128", "events of one span at most"
    )
    links: int | None = setting(
        "OTEL_SPAN_LINK_COUNT_LIMIT", at_least_zero_or_none, "128", "links of one span at most"
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
        """Returns `own` if it was set, else the general limit of counts."""
        general = _MOST if self.count is None else self.count
        return general if own is None else own

    def measured(self, own: int | None) -> int | None:
        """Returns `own` if it was set, else the general limit of lengths; None is no limit."""
        return self.value_length if own is None else own
