"""Structured logs: structlog in front, stdlib logging as the bus, one pipeline behind.

log = get_logger(service="enrollments")
log.info("enrolled", course_id=course.id, outcome="created")
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TextIO

from opentelemetry._logs import LoggerProvider

from otel.burst import BurstLimiter
from otel.config.settings import TelemetryConfig
from otel.ends import around_fork
from otel.foreign.names import LONGEST_NAME
from otel.foreign.values import text_of
from otel.logs.event_logger import CHAIN, EventLogger, configure_structlog
from otel.logs.levels import LEVELS, LevelOverride, LevelOverrides
from otel.logs.pipeline import Pipeline
from otel.logs.recent import RecentRecords
from otel.logs.render import Render, pretty_renderer, render_json
from otel.logs.stream import LineWriter

if TYPE_CHECKING:
    from otel.export.batch import BatchQueue
    from otel.logs.provider import LogItem
    from otel.redaction.engine import Redactor

OVERRIDES: Final = LevelOverrides()

# Servers give these their own handlers; our access log replaces uvicorn's.
_ADOPTED: Final = ("uvicorn", "uvicorn.error", "uvicorn.access", "gunicorn", "gunicorn.error")
_SDK: Final = "opentelemetry"
AUDIT: Final = "audit"
"""The logger for changes made at run time: no level, override or burst limit suppresses it."""

_SILENCED: Final = ("uvicorn.access",)

# At debug level these write whole documents and headers, so their level must be lowered by name.
_KEPT_QUIET: Final = (
    *("pymongo", "motor", "redis", "push_response", "httpcore", "hpack", "multipart", "python_multipart"),
)


def get_logger(name: str | None = None, *, service: str | None = None, **fields: object) -> EventLogger:
    """Return a logger; `service` and `fields` are bound to every record.

    The stdlib logger, which levels apply to, is named `name`, else `service`, else "app".
    """
    bound = dict(fields) if service is None else {"service": service, **fields}
    given = (
        each if type(each) is str else text_of(each, LONGEST_NAME)
        for each in (name, service)
        if each is not None
    )
    return EventLogger(logging.getLogger(next(filter(None, given), "app")), CHAIN, bound)


def set_level(logger: str, level: str, seconds: float) -> LevelOverride:
    """Changes the level of `logger` ("" is the root) and its descendants; it reverts after `seconds`.

    Raises:
        ValueError: The level is unknown, or `seconds` is not between 1 and 86,400.
    """
    return OVERRIDES.set(logger, level, seconds)


def reset_level(logger: str) -> bool:
    """Reverts the changed level of `logger` now; returns whether there was one."""
    return OVERRIDES.reset(logger)


def level_overrides() -> list[LevelOverride]:
    """Return the active level overrides."""
    return OVERRIDES.current()


def configure_logging(
    config: TelemetryConfig,
    *,
    logger_provider: LoggerProvider | None,
    redactor: Redactor,
    resource: Mapping[str, str],
    stream: TextIO | None = None,
    queue: BatchQueue[LogItem] | None = None,
    recent: RecentRecords | None = None,
) -> Callable[[], None]:
    """Attaches our pipeline to every logger of the process; returns a function that undoes it.

    Plain stream handlers of the root and the servers' loggers are removed, other handlers stay. Without
    `logger_provider` nothing is sent over OTLP; with `queue` our records bypass the provider. Each line shows
    the service's name, version and environment from `resource`; `stream` defaults to stdout. `recent` keeps
    the last records.
    """
    from otel.logs.otlp import OtlpLogger  # noqa: PLC0415 - a logger alone does not need the SDK

    out = sys.stdout if stream is None else stream
    writer = LineWriter(out, config.stdout_delay)
    pipeline = Pipeline(
        stream=writer,
        render=_renderer(config.log_format, out),
        redactor=redactor,
        logger=None if logger_provider is None else OtlpLogger(logger_provider, config.limits, queue),
        resource=resource,
        levels=OVERRIDES,
        bursts=BurstLimiter(config.log_burst, config.log_burst_seconds),
        recent=recent,
    )
    around_fork(pipeline.restart, before=writer.hold, in_parent=writer.release)
    if queue is not None:
        queue.filled_by(pipeline.flush)
    undo_loggers = _take_over(pipeline, config)
    undo_structlog = configure_structlog()
    logging.captureWarnings(capture=True)

    def undo() -> None:
        OVERRIDES.reset_all()
        logging.captureWarnings(capture=False)
        undo_structlog()
        undo_loggers()
        pipeline.end()

    return undo


def _renderer(log_format: str, stream: TextIO) -> Render:
    if log_format == "pretty" or (log_format == "auto" and stream.isatty()):
        return pretty_renderer(colors=stream.isatty())
    return render_json


def _take_over(pipeline: Pipeline, config: TelemetryConfig) -> Callable[[], None]:
    names = {"", AUDIT, _SDK, *_ADOPTED, *_KEPT_QUIET, *config.log_levels}
    loggers = [logging.getLogger(name or None) for name in names]
    before = [(each, each.level, each.propagate, each.disabled, list(each.handlers)) for each in loggers]
    for each in loggers:
        each.handlers = [handler for handler in each.handlers if type(handler) is not logging.StreamHandler]
        each.propagate, each.disabled = True, False
    for name in _SILENCED:
        logging.getLogger(name).disabled = True
    quiet = dict.fromkeys(_KEPT_QUIET, max(config.log_level, "info", key=LEVELS.__getitem__))
    levels = {"": config.log_level, _SDK: config.sdk_log_level, **quiet, **config.log_levels, AUDIT: "info"}
    for name, level in levels.items():
        logging.getLogger(name or None).setLevel(LEVELS[level])
    logging.getLogger().addHandler(pipeline)

    def undo() -> None:
        for each, level, propagate, disabled, handlers in before:
            each.setLevel(level)
            each.propagate, each.disabled, each.handlers = propagate, disabled, handlers

    return undo
