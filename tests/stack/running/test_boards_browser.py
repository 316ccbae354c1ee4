"""The boards of the running stack in a real browser."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, quote, unquote, urlsplit

import httpx
import pytest

from stack.boards import preview
from stack.boards.dashboards import Dashboard, load
from stack.boards.preview import Span
from stack.native.native_stack import NativeStack
from stack.native.probes import NO_CERTIFICATES
from tests.programs import wait_until
from tests.stack.running import executed_logs
from tests.stack.running.browser import Browser, opened
from tests.stack.running.nothing import may_be_empty

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("studied")]

BOARDS: Final = load()
RANGE: Final = "from=now-15m&to=now"
# The panels whose table or value is wider than they are.
_CUT: Final = """
    return [...document.querySelectorAll('.of-table, .stats > *')]
        .filter((each) => each.scrollWidth > each.clientWidth)
        .map((each) => each.closest('.panel').ariaLabel);
"""


@pytest.fixture(name="password", scope="module")
def _password(stack: NativeStack) -> str:
    return stack.environment.stack.grafana_password.get_secret_value()


@pytest.fixture(name="stranger", scope="module")
def _stranger(stack: NativeStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser that has not logged in."""
    with opened(stack.url("boards"), tmp_path_factory.mktemp("pictures")) as found:
        yield found


@pytest.fixture(name="browser", scope="module")
def _browser(stranger: Browser, password: str) -> Browser:
    """A browser that has logged in."""
    stranger.open("/login")
    stranger.log_in(password)
    wait_until(lambda: not stranger.place.startswith("/login"), "the login leads on")
    return stranger


def test_login_is_asked_for(stranger: Browser, password: str) -> None:
    path = f"/d/lms-api?{RANGE}&var-environment=production"
    stranger.open(path)
    assert urlsplit(stranger.place).path == "/login"
    stranger.log_in("not the password")
    wait_until(lambda: stranger.find("[role=alert]").text, "the refusal is shown")
    assert "STACK_GRAFANA_PASSWORD" in stranger.find("[role=alert]").text
    refused = stranger.complaints()
    assert [each for each in refused if "401" not in each] == []
    stranger.log_in(password)
    wait_until(lambda: stranger.place == path, "the login leads to the board that was asked for")
    assert stranger.find("h1").text == "API performance"
    stranger.open("/")
    assert urlsplit(stranger.place).path == "/d/lms-overview"
    stranger.find("form[action='/logout'] button").click()
    wait_until(lambda: stranger.place == "/login", "logging out leads to the login")


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_every_panel_of_a_board_shows_something(browser: Browser, board: Dashboard) -> None:
    browser.complaints()
    panels = browser.board(board.uid, RANGE)
    picture = browser.picture(board.uid)
    named = {each.id: each for each in board.panels}
    assert panels.keys() == named.keys()
    assert {named[id_].title: text for id_, (kind, text) in panels.items() if kind == "error"} == {}, picture
    empty = [named[id_] for id_, (kind, _) in panels.items() if kind == "empty"]
    blank = [f"{board.uid} / {panel.title}" for panel in empty if not may_be_empty(board, panel)]
    assert blank == [], picture
    assert browser.run(_CUT) == [], picture
    assert browser.complaints() == []
    assert browser.find("#said").text == ""


def test_a_panel_is_as_wide_as_the_screen_allows(browser: Browser) -> None:
    browser.board("lms-overview", RANGE)
    page = "document.documentElement"
    assert browser.run(f"return {page}.scrollWidth <= {page}.clientWidth")
    inside = "(each) => each.getBoundingClientRect().right <= innerWidth"
    assert browser.run(f"return [...document.querySelectorAll('.panel')].every({inside})")


def _shown(browser: Browser) -> list[str]:
    """Returns the first graph's range; nothing while it is drawn again."""
    graph = "document.querySelector('.of-plot > div')"
    return list(browser.run(f"return ({graph}?.layout?.xaxis?.range ?? []).map(String)"))


def test_another_range_is_shown(browser: Browser) -> None:
    browser.board("lms-api", RANGE)
    wait_until(lambda: _shown(browser), "a graph is drawn")
    before = _shown(browser)
    browser.find("#range option[value='now-5m']").click()
    wait_until(lambda: "from=now-5m" in browser.place, "the address has the range")
    browser.drawn()
    wait_until(
        lambda: _shown(browser) not in ([], before), lambda: f"the graphs have the range, not {before}"
    )
    browser.driver.back()
    wait_until(lambda: "from=now-15m" in browser.place, "the browser's way back works")


def test_a_range_can_be_written(browser: Browser) -> None:
    browser.board("lms-api", RANGE)
    inputs = browser.all("#toolbar input[name=from], #toolbar input[name=to]")
    assert [each.is_displayed() for each in inputs] == [False, False]
    browser.find("#range option[value='']").click()
    assert [each.is_displayed() for each in inputs] == [True, True]


def test_a_row_that_is_closed_is_not_shown(browser: Browser) -> None:
    browser.board("lms-api", RANGE)
    browser.find("h2 button[aria-expanded=true]").click()
    assert not browser.find(".grid[hidden]").is_displayed()


def test_a_choice_is_in_the_address_and_in_links(browser: Browser) -> None:
    browser.board("lms-overview", RANGE)
    browser.find("details[data-variable=service] summary").click()
    browser.find("details[data-variable=service] input[value=lms]").click()
    browser.find("details[data-variable=service] summary").click()
    wait_until(lambda: "var-service=lms" in browser.place, "the address has the choice")
    chosen = "details[data-variable=service] summary"
    wait_until(lambda: browser.texts(chosen) == ["lms"], "the choice is shown")
    kinds = {kind for kind, _ in browser.drawn().values()}
    assert "error" not in kinds
    assert "plot" in kinds
    browser.find("#boards summary").click()
    browser.find("#boards a[href*='lms-api']").click()
    wait_until(lambda: browser.place.startswith("/d/lms-api"), "the menu leads to the board")
    query = parse_qs(urlsplit(browser.place).query)
    assert (query["var-service"], query["from"]) == (["lms"], ["now-15m"])


def test_what_somebody_typed_is_text(browser: Browser) -> None:
    typed = '"} | <img src=x onerror=document.title=1> `\\'
    panels = browser.board("lms-logs", f"{RANGE}&var-request_id={quote(typed)}")
    assert browser.find("input[name='var-request_id']").get_attribute("value") == typed
    assert browser.driver.title == "Logs"
    assert "plot" not in {kind for kind, _ in panels.values()}
    assert browser.complaints() == []


def test_every_link_of_a_preview_leads_somewhere(
    browser: Browser, stack: NativeStack, tmp_path: Path
) -> None:
    """The pages open from the disk; the stores' own pages are there while the stack runs."""
    chosen = [each for each in BOARDS if each.uid in {"lms-overview", "lms-alerts", "lms-logs"}]
    span = Span("now-15m", "now")
    pages = asyncio.run(preview.pages(chosen, executed_logs.settings(stack), span, tmp_path / "out", print))
    links: set[str] = set()
    for page in pages:
        browser.driver.get(page.as_uri())
        browser.drawn()
        links |= set(browser.run("return [...document.querySelectorAll('a')].map((each) => each.href)"))
    dead = [each for each in links if not _leads(each)]
    assert dead == []
    assert {page.as_uri() for page in pages} <= links
    assert any("/#/silences" in each for each in links)
    assert any("/trace/" in each for each in links)


def _leads(link: str) -> bool:
    """Returns whether there is a file, or a store that answers, be it that it asks for a login."""
    if link.startswith("file:"):
        return Path(unquote(urlsplit(link).path)).is_file()
    status = httpx.get(link, verify=NO_CERTIFICATES).status_code
    return status in {200, 303, 401}


def test_an_unknown_board_leads_to_those_that_exist(browser: Browser) -> None:
    browser.open("/d/nothing")
    assert len(browser.all("ul a")) == len(BOARDS)
