"""What all tests share: the real database and cache, and which tests a worker runs together."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from stack.settings import REPOSITORY

pytest_plugins = ["tests.backends"]

# Folders whose files share an expensive program, which one worker starts; first, because they take longest.
TOGETHER = ("tests/stack/docker", "tests/stack/running", "tests/bench/ledger", "tests/stack/demo")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts each test into the group of its folder or file, and the long groups first.

    A group runs in one worker of `-n 2 --dist loadgroup`, in order. `@pytest.mark.xdist_group` on a test
    overrides its group.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(_group(item)))
    items.sort(key=_place)


def _group(item: pytest.Item) -> str:
    file = item.path.relative_to(REPOSITORY).as_posix()
    return next((folder for folder in TOGETHER if file.startswith(f"{folder}/")), file)


def _place(item: pytest.Item) -> int:
    group = _group(item)
    return TOGETHER.index(group) if group in TOGETHER else len(TOGETHER)


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
