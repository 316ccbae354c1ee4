"""Typical calls on a structlog logger, and structlog's own result for each."""

# ruff: noqa: G010, LOG004, LOG007, LOG014 - calls as people make them, right or wrong

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import structlog

Log = Any
"""A logger; the calls are those of structlog's own API, whatever its type."""


def fail(text: str) -> NoReturn:
    """Raises an error with this text."""
    raise ValueError(text)


def error(text: str = "broken") -> ValueError:
    """Returns an error that has been raised, with its traceback."""
    try:
        fail(text)
    except ValueError as raised:
        return raised


def _handling(call: Callable[[Log], object]) -> Callable[[Log], object]:
    def call_it(log: Log) -> object:
        try:
            fail("handled")
        except ValueError:
            return call(log)

    return call_it


def _level_of_name(log: Log) -> object:
    return log.info("asked", enabled=log.is_enabled_for(logging.INFO), tens=log.getEffectiveLevel() // 10)


def _triple(raised: BaseException) -> tuple[type[BaseException], BaseException, Any]:
    return type(raised), raised, raised.__traceback__


CALLS: Final[Mapping[str, Callable[[Log], object]]] = {
    "debug": lambda log: log.debug("e", a=1),
    "info": lambda log: log.info("e", a=1),
    "warning": lambda log: log.warning("e", a=1),
    "warn": lambda log: log.warn("e", a=1),
    "error": lambda log: log.error("e", a=1),
    "critical": lambda log: log.critical("e", a=1),
    "fatal": lambda log: log.fatal("e", a=1),
    "log": lambda log: log.log(logging.WARNING, "e", a=1),
    "log by keywords": lambda log: log.log(level=logging.ERROR, event="e", a=1),
    "event by keyword": lambda log: log.info(event="e", a=1),
    "no event": lambda log: log.info(a=1),
    "event is no text": lambda log: log.info(7),
    "arguments": lambda log: log.info("%s of %d", "one", 2, a=1),
    "dict argument": lambda log: log.info("%(n)s of it", {"n": 1}, a=1),
    "empty dict argument": lambda log: log.info("got %s", {}, a=1),
    "percent without arguments": lambda log: log.info("100 % of %s", a=1),
    "log with arguments": lambda log: log.log(logging.INFO, "%s", "x"),
    "exc_info": _handling(lambda log: log.error("e", exc_info=True, a=1)),
    "exc_info at info": _handling(lambda log: log.info("e", exc_info=True)),
    "exc_info 1": _handling(lambda log: log.warning("e", exc_info=1)),
    "exc_info false": _handling(lambda log: log.error("e", exc_info=False)),
    "exc_info none": _handling(lambda log: log.error("e", exc_info=None)),
    "exc_info without error": lambda log: log.error("e", exc_info=True),
    "exc_info error": lambda log: log.critical("e", exc_info=error()),
    "exc_info tuple": lambda log: log.warning("e", exc_info=_triple(error())),
    "exc_info bound": _handling(lambda log: log.bind(exc_info=True).info("e")),
    "exception": _handling(lambda log: log.exception("e", a=1)),
    "exception with arguments": _handling(lambda log: log.exception("%s", "x")),
    "exception of another": _handling(lambda log: log.exception("e", exc_info=error())),
    "exception switched off": _handling(lambda log: log.exception("e", exc_info=False)),
    "exception outside": lambda log: log.exception("e"),
    "stack_info": lambda log: log.info("e", stack_info=True, a=1),
    "stack_info false": lambda log: log.info("e", stack_info=False),
    "stacklevel": lambda log: log.info("e", stacklevel=2),
    "bind": lambda log: log.bind(a=1).bind(b=2).info("e", c=3),
    "bind overrides": lambda log: log.bind(a=1).bind(a=2).info("e"),
    "call overrides bound": lambda log: log.bind(a=1).info("e", a=2),
    "unbind": lambda log: log.bind(a=1, b=2).unbind("a").info("e"),
    "try_unbind": lambda log: log.bind(a=1).try_unbind("a", "none").info("e"),
    "new": lambda log: log.bind(a=1).new(b=2).info("e"),
    "extra is a field": lambda log: log.info("e", extra={"a": 1}),
    "questions": _level_of_name,
    "name": lambda log: log.info("e", of=log.name, child=log.getChild("x").name),
}
ASYNC_CALLS: Final[Mapping[str, Callable[[Log], Any]]] = {
    "adebug": lambda log: log.adebug("e", a=1),
    "ainfo": lambda log: log.ainfo("%s", "x", a=1),
    "awarning": lambda log: log.awarning("e", a=1),
    "aerror": lambda log: log.aerror("e", a=1),
    "acritical": lambda log: log.acritical("e", a=1),
    "afatal": lambda log: log.afatal("e", a=1),
    "alog": lambda log: log.alog(logging.WARNING, "%s", "x", a=1),
    "aexception": _handling(lambda log: log.bind(b=2).aexception("e", a=1)),
    "aerror with an error": lambda log: log.aerror("e", exc_info=error()),
    "ainfo with stack_info": lambda log: log.ainfo("e", stack_info=True),
}


@dataclass(frozen=True)
class Said:
    """A call's result from either logger: `failure` is the error's last line, `calls` the stack's."""

    event: str
    level: str
    fields: Mapping[str, object]
    failure: str | None = None
    calls: str | None = None


@dataclass
class Structlog:
    """structlog with its own stdlib `BoundLogger` and the processors of its guide; keeps the results."""

    said: list[Said] = field(default_factory=list)

    def logger(self, name: str) -> Log:
        """Returns a logger of structlog alone, without our pipeline."""
        processors: list[structlog.types.Processor] = [
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            self._keep,
        ]
        return structlog.wrap_logger(
            logging.getLogger(name), processors=processors, wrapper_class=structlog.stdlib.BoundLogger
        )

    def _keep(self, _: object, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
        failure, calls = event.pop("exception", None), event.pop("stack", None)
        event.pop("stacklevel", None)
        for switched_off in ("exc_info", "stack_info"):
            event.pop(switched_off, None)
        text, level = str(event.pop("event", "")), event.pop("level")
        self.said.append(Said(text, level, event, last_line(failure), last_line(calls)))
        raise structlog.DropEvent


def last_line(text: str | None) -> str | None:
    """Returns the last line of a stack trace, which identifies it."""
    if text in {None, "MISSING", "NoneType: None"}:
        return None
    return str(text).strip().rpartition("\n")[2].strip()
