"""Every call on our logger yields the same as the call on structlog's own stdlib logger."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from structlog.contextvars import bind_contextvars, bound_contextvars, clear_contextvars
from structlog.testing import capture_logs

import otel
from otel.logs import facts
from otel.logs.pipeline import Pipeline
from otel.testing import Captured
from tests.otel.logs.structlog_calls import ASYNC_CALLS, CALLS, Log, Said, Structlog, error, fail, last_line

_OF_THE_LINE = {"timestamp", "level", "event", "logger", "service.name"}
_OF_THE_ERROR = {"exception.type", "exception.message", "exception.stacktrace", "code.stacktrace"}
_NAME = "tests.structlog"
LOGGERS: dict[str, Callable[[], Log]] = {
    "otel": lambda: otel.get_logger(_NAME),
    "third party": lambda: structlog.get_logger(_NAME),
    "third party, stdlib": lambda: structlog.stdlib.get_logger(_NAME),
}


@pytest.fixture(params=LOGGERS)
def log(request: pytest.FixtureRequest, captured: Captured) -> Log:
    """A logger obtained in one of the possible ways, with telemetry configured."""
    assert captured.telemetry.config.log_format == "json"
    return LOGGERS[request.param]()


def said(captured: Captured) -> list[Said]:
    return [_said(json.loads(line)) for line in captured.lines]


def _said(line: dict[str, Any]) -> Said:
    fields = {name: value for name, value in line.items() if name not in _OF_THE_LINE | _OF_THE_ERROR}
    error, calls = line.get("exception.stacktrace"), line.get("code.stacktrace")
    return Said(line["event"], line["level"], fields, last_line(error), last_line(calls))


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_call_yields_what_structlog_yields(captured: Captured, call: Callable[[Log], object]) -> None:
    peer = Structlog()
    for each in (peer.logger(_NAME), *(ours() for ours in LOGGERS.values())):
        call(each)

    assert said(captured) == peer.said * len(LOGGERS)


@pytest.mark.parametrize("call", ASYNC_CALLS.values(), ids=ASYNC_CALLS)
async def test_an_awaited_call_yields_what_structlog_yields(
    captured: Captured, call: Callable[[Log], Any]
) -> None:
    peer = Structlog()
    for each in (peer.logger(_NAME), *(ours() for ours in LOGGERS.values())):
        await call(each)

    assert said(captured) == peer.said * len(LOGGERS)


def test_our_logger_has_every_public_name_of_structlogs(captured: Captured) -> None:
    assert captured.lines == []
    stdlib = {name for name in dir(structlog.stdlib.BoundLogger) if not name.startswith("_")}
    native = {name for name in dir(structlog.make_filtering_bound_logger(0)) if not name.startswith("_")}
    assert isinstance(structlog.get_logger().bind(), structlog.stdlib.BoundLogger)
    assert (stdlib | native) <= set(dir(otel.get_logger("app")))
    assert stdlib | native <= set(dir(structlog.get_logger().bind()))


async def test_methods_that_only_structlogs_native_logger_has(log: Log, captured: Captured) -> None:
    log.msg("one", a=1)
    await log.amsg("two", a=1)
    await log.awarn("three", a=1)
    with pytest.raises(ValueError, match="handled"):
        await _fail_and_log(log)

    assert said(captured) == [
        Said("one", "info", {"a": 1}),
        Said("two", "info", {"a": 1}),
        Said("three", "warning", {"a": 1}),
        Said("four", "error", {}, "ValueError: handled"),
    ]


async def _fail_and_log(log: Log) -> None:
    try:
        fail("handled")
    except ValueError:
        await log.aerror("four", exc_info=True)  # structlog's own logger sees no error in its thread
        raise


@pytest.mark.parametrize(
    ("level", "expected"), [("warning", "warning"), (25, "level 25"), ("loud", "info"), (None, "info")]
)
def test_a_level_unknown_to_structlog_does_not_raise(
    log: Log, captured: Captured, level: object, expected: str
) -> None:
    log.log(level, "e")
    assert [each.level for each in said(captured)] == [expected]


async def test_fields_may_be_named_like_parameters(log: Log, captured: Captured) -> None:
    names = {"self": 1, "level": 2, "event": 3, "args": 4, "method": 5, "fields": 6}
    log.info("e", **names)
    log.log(logging.INFO, "e", **names)
    await log.ainfo("e", **names)
    await log.alog(logging.INFO, "e", **names)

    expected = {"self": 1, "level_": 2, "event_": 3, "args": 4, "method": 5, "fields": 6}
    assert [each.fields for each in said(captured)] == [expected] * 4


def test_invalid_exc_info_costs_no_record(log: Log, captured: Captured) -> None:
    for given in [(), (1,), ("a", "b", "c"), (ValueError, None, None), object()]:
        log.error("e", exc_info=given)
    # Bypass pytest's own handler, which raises.
    [pipe] = [each for each in logging.getLogger().handlers if isinstance(each, Pipeline)]
    for given in [("a", "b", "c"), True, "text"]:
        facts = {"name": "tests.odd", "msg": "e", "levelname": "ERROR", "levelno": 40, "exc_info": given}
        pipe.handle(logging.makeLogRecord(facts))

    assert [each.failure for each in said(captured)] == [None] * 8


@pytest.mark.parametrize("how", ["structlog", "stdlib"])
def test_context_variables_are_on_every_record(captured: Captured, how: str) -> None:
    ours, stdlib = otel.get_logger("tests.vars"), logging.getLogger("tests.vars")
    say = ours.info if how == "structlog" else stdlib.warning
    clear_contextvars()
    bind_contextvars(tenant="t1", event="mine")
    with bound_contextvars(job="j1"):
        say("one")
    say("two")
    clear_contextvars()
    say("three")

    assert [each.fields for each in said(captured)] == [
        {"tenant": "t1", "event_": "mine", "job": "j1"},
        {"tenant": "t1", "event_": "mine"},
        {},
    ]


def test_a_field_wins_over_a_context_variable(log: Log, captured: Captured) -> None:
    peer = Structlog()
    with bound_contextvars(a=1, b=1, c=1):
        for each in (peer.logger(_NAME), log):
            each.bind(a=2, b=2).info("e", a=3)

    assert said(captured) == peer.said
    assert said(captured)[0].fields == {"a": 3, "b": 2, "c": 1}


async def test_tasks_have_their_own_context_variables(log: Log, captured: Captured) -> None:
    async def work(name: str) -> None:
        bind_contextvars(task=name)
        await asyncio.sleep(0)
        await log.ainfo("worked")

    await asyncio.gather(work("a"), work("b"))
    assert sorted(str(each.fields["task"]) for each in said(captured)) == ["a", "b"]


def test_structlog_still_has_the_internals_we_read() -> None:
    assert isinstance(facts._EVER_BOUND, dict), "structlog has renamed contextvars._CONTEXT_VARS"


def test_capture_logs_captures_the_same_as_from_structlogs_logger(log: Log, captured: Captured) -> None:
    def say(to: Log) -> None:
        to.bind(a=1).info("e", b=2)
        to.debug("%s", "quiet")
        to.exception("failed")
        to.log(logging.WARNING, "w")

    with capture_logs() as ours:
        say(log)
    log.info("afterwards")
    assert [each.event for each in said(captured)] == ["afterwards"]

    structlog.configure(wrapper_class=structlog.stdlib.BoundLogger)
    with capture_logs() as theirs:
        say(structlog.get_logger(_NAME))
    assert ours == theirs
    assert len(ours) == 4


def test_capture_logs_works_without_telemetry(caplog: pytest.LogCaptureFixture) -> None:
    log = otel.get_logger("tests.unconfigured", service="courses")
    with capture_logs() as seen:
        log.info("e", a=1)
    log.warning("afterwards")

    assert seen == [{"event": "e", "a": 1, "service": "courses", "log_level": "info"}]
    assert caplog.messages == ["afterwards"]


def test_the_applications_processors_are_applied(captured: Captured) -> None:
    def drop(_: object, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
        if event.pop("noise", False):
            raise structlog.DropEvent
        return {**event, "added": True}

    structlog.configure(processors=[structlog.stdlib.add_log_level, drop])
    log = structlog.get_logger("tests.processors")
    log.info("%s", "kept", a=1)
    log.error("dropped", noise=True)
    structlog.configure(processors=[structlog.processors.KeyValueRenderer(key_order=["event"])])
    structlog.get_logger("tests.processors").warning("as text", a=1)

    assert [(each.event, each.level, each.fields) for each in said(captured)] == [
        ("kept", "info", {"level_": "info", "added": True, "a": 1}),
        ("event='as text' a=1", "warning", {}),
    ]


def test_a_logger_without_a_name_gets_its_modules(captured: Captured) -> None:
    structlog.get_logger().warning("said")
    assert json.loads(captured.lines[-1])["logger"] == __name__
    assert logging.getLoggerClass() is logging.Logger


def test_the_applications_own_configuration_is_restored() -> None:
    structlog.configure(processors=[structlog.processors.JSONRenderer()], cache_logger_on_first_use=False)
    before = structlog.get_config()
    try:
        with otel.testing.capture_telemetry():
            assert structlog.get_config() != before
        assert structlog.get_config() == before
    finally:
        structlog.reset_defaults()


def test_a_deep_stack_is_cut_to_its_innermost_calls(captured: Captured) -> None:
    def deep(left: int) -> None:
        if left:
            deep(left - 1)
        else:
            otel.get_logger("tests.deep").info("e", stack_info=True)

    deep(200)
    shown = json.loads(captured.lines[-1])["code.stacktrace"].splitlines()
    assert "stack_info=True" in shown[-1]
    assert sum(line.startswith("  File") for line in shown) <= 50


def test_an_error_that_was_never_raised_is_logged(captured: Captured) -> None:
    otel.get_logger("app").error("e", exc_info=ValueError("made"))
    otel.get_logger("app").error("e", exc_info=error("raised"))
    assert [each.failure for each in said(captured)] == ["ValueError: made", "ValueError: raised"]
