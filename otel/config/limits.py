"""Limits on one span or log record: the `OTEL_*_LIMIT` variables of the specification.

Source: OpenTelemetry specification, "Attribute limits", "Span limits", "LogRecord limits". A limit for spans
or log records overrides the general one; with neither set, counts are limited to 128 and lengths unlimited.
"""

from __future__ import annotations

from typing import Final

from otel.config.env_settings import EnvSettings, setting
from otel.config.parsing import Limit

_MOST: Final = 128
_GENERAL: Final = "default: the general limit"


class Limits(EnvSettings):
    """The limits as configured, None where unset; the methods resolve which one applies."""

    shows_values = True

    value_length: Limit = setting(
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", None, "maximum characters per attribute"
    )
    count: Limit = setting("OTEL_ATTRIBUTE_COUNT_LIMIT", _MOST, "maximum attributes per item")
    span_value_length: Limit = setting("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", None, _GENERAL)
    span_count: Limit = setting("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", None, _GENERAL)
    events: Limit = setting("OTEL_SPAN_EVENT_COUNT_LIMIT", _MOST, "maximum events per span")
    links: Limit = setting("OTEL_SPAN_LINK_COUNT_LIMIT", _MOST, "maximum links per span")
    event_count: Limit = setting("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", None, _GENERAL)
    link_count: Limit = setting("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", None, _GENERAL)
    log_value_length: Limit = setting("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", None, _GENERAL)
    log_count: Limit = setting("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", None, _GENERAL)

    def counted(self, own: int | None) -> int:
        """Returns `own` if set, else the general count limit."""
        general = _MOST if self.count is None else self.count
        return general if own is None else own

    def measured(self, own: int | None) -> int | None:
        """Returns `own` if set, else the general length limit; None means no limit."""
        return self.value_length if own is None else own
