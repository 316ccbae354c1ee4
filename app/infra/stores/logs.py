"""The log store as the platform asks it: one query, one form of record, whatever program runs there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Protocol

LEVELS: Final[Mapping[str, int]] = MappingProxyType(
    {"debug": 5, "info": 9, "warning": 13, "error": 17, "critical": 21}
)
"""The least severity number (OpenTelemetry's log data model) of each level."""

# What says where a record comes from is in its own fields, or the same for all of a process.
_RESOURCE: Final = (
    *("telemetry_", "process_", "os_", "host_", "k8s_", "container_", "service_", "deployment_", "cloud_"),
    *("scope_", "severity_", "_stream"),
)
_OTHER: Final = frozenset({"flags", "observed_timestamp", "detected_level", "_time", "_msg", "__error__"})
_ENTRY: Final = frozenset({"timestamp", "level", "event"})


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which records to return, the newest first; times are nanoseconds since the epoch, both inclusive.

    ``severity`` is the least severity number; ``text`` is part of the event or of the error's message, in
    upper or lower case.
    """

    start: int
    end: int
    limit: int
    severity: int | None = None
    service: str | None = None
    logger: str | None = None
    request_id: str | None = None
    trace_id: str | None = None
    user: str | None = None
    text: str | None = None

    def equal(self) -> dict[str, str]:
        """Returns the attributes that must have a certain value, by the names that records have."""
        wanted = {
            "logger": self.logger,
            "request_id": self.request_id,
            "trace_id": self.trace_id,
            "user.id": self.user,
        }
        return {name: value for name, value in wanted.items() if value is not None}


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A log record; ``time`` is in nanoseconds since the epoch, ``level`` None if it has no severity.

    ``fields`` has the rest, as text; dots in names are underscores, as Loki stores them.
    """

    time: int
    level: str | None
    event: str
    service: str = ""
    instance: str = ""
    logger: str = ""
    request_id: str = ""
    trace_id: str = ""
    span_id: str = ""
    user: str = ""
    route: str = ""
    error_type: str = ""
    error_message: str = ""
    stacktrace: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


_OWN: Final[Mapping[str, str]] = {
    "service_name": "service",
    "service_instance_id": "instance",
    "logger": "logger",
    "request_id": "request_id",
    "trace_id": "trace_id",
    "span_id": "span_id",
    "user_id": "user",
    "http_route": "route",
    "exception_type": "error_type",
    "exception_message": "error_message",
    "exception_stacktrace": "stacktrace",
}


class LogStore(Protocol):
    """Where log records are stored."""

    source: str

    async def records(self, query: LogQuery) -> list[LogRecord]:
        """Returns the records, the newest first.

        Raises:
            StoreUnavailable: The store does not answer.
        """


def record(time: int, event: str, facts: Mapping[str, str]) -> LogRecord:
    """Returns the record with the attributes ``facts``, whose names may have dots or underscores."""
    own: dict[str, str] = {}
    others: dict[str, str] = {}
    for name, value in sorted(facts.items()):
        plain = name.replace(".", "_")
        if plain in _OWN:
            own[_OWN[plain]] = value
        elif plain not in _OTHER and not plain.startswith(_RESOURCE):
            others[plain] = value
    return LogRecord(time=time, level=_level(facts), event=event, fields=others, **own)


def recent_record(time: int, entry: Mapping[str, object]) -> LogRecord:
    """Returns a record that this process keeps, in the form of those in the store."""
    facts = {name: _text(value) for name, value in _flat(entry) if name not in _ENTRY}
    number = LEVELS.get(str(entry.get("level", "")))
    severity = {} if number is None else {"severity_number": str(number)}
    return record(time, _text(entry.get("event", "")), facts | severity)


def fits(query: LogQuery, found: LogRecord) -> bool:
    """Tells whether a record is one of those that the query asks for."""
    has = {
        "logger": found.logger,
        "request_id": found.request_id,
        "trace_id": found.trace_id,
        "user.id": found.user,
    }
    severity = LEVELS.get(found.level or "", 0)
    return (
        query.start <= found.time <= query.end
        and severity >= (query.severity or 0)
        and (query.service is None or query.service == found.service)
        and all(has[name] == value for name, value in query.equal().items())
        and _contains(query.text, found)
    )


def _contains(text: str | None, found: LogRecord) -> bool:
    return text is None or any(text.lower() in each.lower() for each in (found.event, found.error_message))


def _level(facts: Mapping[str, str]) -> str | None:
    number = facts.get("severity_number", "")
    severity = int(number) if number.isascii() and number.isdecimal() and len(number) < len("1000") else 0
    names = [name for name, least in LEVELS.items() if least <= severity]
    return names[-1] if names else ("debug" if severity else None)


def _flat(entry: Mapping[str, object]) -> list[tuple[str, object]]:
    """Returns the attributes with those of maps inside, as VictoriaLogs and Loki store them."""
    flat: list[tuple[str, object]] = []
    for name, value in entry.items():
        inner = value.items() if isinstance(value, Mapping) else None
        flat += [(name, value)] if inner is None else [(f"{name}.{key}", each) for key, each in inner]
    return flat


def _text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str, separators=(",", ":"))
    return text.encode(errors="replace").decode()  # half of a surrogate pair cannot be sent
