"""Log levels: configured, temporarily changed, and records that no level may suppress or let through."""

from __future__ import annotations

import logging
from enum import StrEnum

from otel.logs.logger import get_logger, level_overrides, reset_level, set_level
from tests.otel.conftest import Log


def test_a_level_changes_what_is_logged_and_can_be_reset(log_to: Log) -> None:
    lines = log_to()
    log = get_logger("tests.levels.live")
    log.debug("hidden")
    set_level("tests.levels", "debug", 60)
    log.debug("shown")
    set_level("tests.levels", "critical", 60)
    log.error("held back")
    assert [each.logger for each in level_overrides()] == ["tests.levels"]
    assert reset_level("tests.levels")
    assert not reset_level("tests.levels")
    log.debug("hidden again")
    log.error("shown again")

    assert [entry["event"] for entry in lines.entries] == ["shown", "shown again"]


class Named(StrEnum):
    """Names as an application may define them: enumeration members, which are instances of a str subclass."""

    LOGGER = "tests.levels.named"
    LEVEL = "DEBUG"


def test_names_may_be_members_of_an_enumeration(log_to: Log) -> None:
    lines = log_to()
    log = get_logger(Named.LOGGER)
    set_level(Named.LOGGER, Named.LEVEL, 60)
    log.debug("shown")
    log.log(Named.LEVEL, "shown by its level")
    assert reset_level(Named.LOGGER)
    log.log(Named.LEVEL, "hidden")

    assert [entry["event"] for entry in lines.entries] == ["shown", "shown by its level"]


def test_configured_levels_apply_to_their_loggers(log_to: Log) -> None:
    lines = log_to(log_level="warning", log_levels={"tests.talkative": "debug"})
    get_logger("tests.talkative").debug("shown")
    get_logger("tests.other").info("hidden")

    assert [entry["event"] for entry in lines.entries] == ["shown"]


def test_drivers_that_log_whole_documents_at_debug_need_an_explicit_level(log_to: Log) -> None:
    lines = log_to(log_level="debug")
    set_level("", "debug", 60)
    logging.getLogger("pymongo.command").debug('{"name": "Ada Lovelace"}')
    logging.getLogger("pymongo.command").info("noticed")
    reset_level("")
    set_level("pymongo", "debug", 60)
    logging.getLogger("pymongo.command").debug("asked for")

    assert [entry["event"] for entry in lines.entries] == ["noticed", "asked for"]


def test_nothing_suppresses_the_audit_log(log_to: Log) -> None:
    lines = log_to(log_level="critical", log_burst=1)
    set_level("", "critical", 60)
    set_level("audit", "critical", 60)
    for _ in range(3):
        get_logger("audit").info("changed")

    assert [entry["event"] for entry in lines.entries] == ["changed"] * 3
