"""What all tests share: the real database and cache, and which tests a worker runs together."""

from __future__ import annotations

import signal
from collections.abc import Generator
from typing import Any

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]  # it has no types
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it has no types

pytest_plugins = ["tests.backends"]

# Folders whose files share an expensive program, which one worker starts; first, because they take longest.
TOGETHER = (
    *("tests/stack/docker", "tests/stack/running", "tests/stack/alerts", "tests/bench/ledger"),
    "tests/stack/demo",
)


def pytest_configure() -> None:
    """Takes SIGINT again where a script's background ignores it, which the tested programs would inherit."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Groups(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Runs a group, which is a folder or a file, in one worker, in order."""

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Groups:
    """Distributes groups.

    xdist's own `loadgroup` silently ignores them with pytest 9.2 (pytest-xdist issue 1386).
    """
    return Groups(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the long groups first."""
    items.sort(key=_place)


def _group(nodeid: str) -> str:
    file = nodeid.split("::", 1)[0]
    return next((folder for folder in TOGETHER if file.startswith(f"{folder}/")), file)


def _place(item: pytest.Item) -> int:
    group = _group(item.nodeid)
    return TOGETHER.index(group) if group in TOGETHER else len(TOGETHER)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints once what tests have to say, also if they passed: ``record_property("note", text)``."""
    reports = (each for kind in ("passed", "failed") for each in terminalreporter.stats.get(kind, []))
    notes = [value for report in reports for name, value in report.user_properties if name == "note"]
    for note in dict.fromkeys(notes):
        terminalreporter.write_line(str(note))


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """A report is sent to the main process as UTF-8, so half a surrogate that a test printed is escaped."""
    return _encodable((yield))


def _encodable(value: Any) -> Any:  # noqa: ANN401  # a report holds any kind
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_encodable(key): _encodable(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_encodable(each) for each in value)
    return value
