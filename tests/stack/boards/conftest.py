"""One browser for all tests that look at a board, with a few real stores."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stack.boards.preview import WIDTH
from tests.collector_config.stores import victorialogs
from tests.programs import wait_until
from tests.stack.boards.serving import JOB, PASSWORD, listening, scraped, settings, write_board
from tests.stack.boards.watched import PANELS, SEARCH, first_look, note, write_lines
from tests.stack.running.browser import Browser, opened


@pytest.fixture(scope="package")
def logs_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with victorialogs(tmp_path_factory.mktemp("logs")) as url:
        write_lines(url, [f"line {number}" for number in range(60)])
        yield url


@pytest.fixture(scope="package")
def browser(tmp_path_factory: pytest.TempPathFactory, logs_url: str) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("boards")
    write_board(
        folder / "boards",
        *PANELS,
        templating={"list": [JOB, SEARCH]},
        annotations={"list": [note("up"), note("prometheus_build_info")]},
    )
    with scraped(folder / "prometheus") as metrics:
        found = settings(folder, metrics, victorialogs_url=logs_url)
        with listening(found, folder / "boards") as address, opened(address, folder) as started:
            started.driver.set_window_size(WIDTH, 700)
            started.open("/login")
            started.log_in(PASSWORD)
            wait_until(lambda: not started.place.startswith("/login"), "the login leads on")
            # A graph ends at a multiple of its step, which is seconds ago.
            wait_until(lambda: first_look(started)[1][0] == "plot", "there is something to draw", every=1)
            yield started


@pytest.fixture
def board(browser: Browser) -> Browser:
    """The board, as somebody sees it first."""
    first_look(browser)
    return browser
