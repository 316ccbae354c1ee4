"""Every call on a stdlib logger yields what stdlib's own record has, with its `extra` as fields."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator

import pytest

from otel.testing import Captured
from tests.otel.logs.structlog_calls import error, fail, last_line

Stdlib = logging.Logger | logging.LoggerAdapter[logging.Logger]


class Records(logging.Handler):
    """Keeps the records that an application's handler receives."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append(record)


def _failing(log: Stdlib) -> None:
    try:
        fail("handled")
    except ValueError:
        log.exception("failed for %s", "c1", extra={"course": "c1"})


CALLS: dict[str, Callable[[Stdlib], None]] = {
    "plain": lambda log: log.warning("e"),
    "arguments": lambda log: log.warning("%s of %d", "one", 2),
    "dict argument": lambda log: log.warning("%(n)s of it", {"n": 1}),
    "no text": lambda log: log.warning({"a": 1}),
    "extra": lambda log: log.warning("e", extra={"course": "c1", "n": 1}),
    "custom level": lambda log: log.log(35, "e"),
    "exc_info": lambda log: log.error("e", exc_info=error()),
    "exception": _failing,
    "stack_info": lambda log: log.warning("e", stack_info=True),
}


@pytest.fixture(name="records")
def _records(captured: Captured) -> Iterator[Records]:
    assert captured.lines == []
    records, logger = Records(), logging.getLogger("tests.stdlib")
    logger.addHandler(records)
    yield records
    logger.removeHandler(records)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("adapted", [False, True], ids=["logger", "adapter"])
def test_a_line_has_what_the_record_has(
    captured: Captured, records: Records, call: Callable[[Stdlib], None], *, adapted: bool
) -> None:
    logger = logging.getLogger("tests.stdlib")
    call(logging.LoggerAdapter(logger, {"tenant": "t1"}) if adapted else logger)

    [record], [line] = records.kept, [json.loads(line) for line in captured.lines]
    plain = logging.makeLogRecord({"message": "", "asctime": ""})
    extra = {name: value for name, value in vars(record).items() if name not in vars(plain)}
    failure = logging.Formatter().formatException(record.exc_info) if record.exc_info else None
    assert line["event"] == record.getMessage()
    assert line["level"] == record.levelname.lower()
    assert extra.items() <= line.items()
    assert last_line(line.get("exception.stacktrace")) == last_line(failure)
    assert last_line(line.get("code.stacktrace")) == last_line(record.stack_info)


def test_an_extra_may_have_any_name(captured: Captured) -> None:
    extra = {"event": 1, "level": 2, "event_fields": 3, "fields": 4, "suppressed": 5}
    logging.getLogger("tests.stdlib").warning("e", extra=extra)

    line = json.loads(captured.lines[-1])
    assert (line["event"], line["level"]) == ("e", "warning")
    assert {"event_": 1, "level_": 2, "event_fields": 3, "fields": 4}.items() <= line.items()


def test_a_stack_is_redacted_and_exported(captured: Captured) -> None:
    logging.getLogger("tests.stdlib").warning("password=hunter2-hunter2", stack_info=True)

    [record] = captured.logs
    assert "password=[redacted]" in record.attributes["code.stacktrace"]
    assert "hunter2" not in captured.lines[-1]
