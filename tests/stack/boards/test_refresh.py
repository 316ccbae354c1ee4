"""What a reader has done on a board stays when it is refreshed: in a real browser."""

from __future__ import annotations

import re
from typing import Final

import pytest
from selenium.webdriver import ActionChains, Keys

from tests.programs import wait_until
from tests.stack.boards.serving import PASSWORD
from tests.stack.boards.watched import ASKED, ASKED_FOR, BOARD, drawn_again, refreshed, write_lines
from tests.stack.running.browser import Browser


def body(number: int) -> str:
    return f"document.querySelector('[data-panel=\"{number}\"] .body')"


def handlers(board: Browser) -> list[str]:
    head = [each.text for each in board.all("th")].index("handler")
    return board.texts(f"td:nth-child({head + 1})")


def test_a_table_stays_sorted_and_scrolled(board: Browser) -> None:
    [button] = [each for each in board.all("th button") if each.text == "handler"]
    button.click()
    down = handlers(board)
    assert down == sorted(down, key=str.casefold, reverse=True)
    board.run(f"{body(2)}.scrollTop = 40")
    refreshed(board)
    assert handlers(board)[:3] == down[:3]
    assert board.run(f"return {body(2)}.scrollTop") == 40
    assert board.find("th[aria-sort=descending]").text == "handler"


def test_a_log_line_stays_open_where_it_is(board: Browser, logs_url: str) -> None:
    line = board.all(".log summary")[20]
    text = line.text
    line.click()
    assert board.run(f"return {body(3)}.scrollTop") > 0
    before = line.rect["y"]
    write_lines(logs_url, ["newer", "newest"], since=10)
    refreshed(board)
    assert board.find(".log summary").text.endswith("newest")
    assert [each.text for each in board.all(".log[open] summary")] == [text]
    assert board.find(".log[open] summary").rect["y"] == pytest.approx(before, abs=2)


def test_a_hidden_series_stays_hidden(board: Browser) -> None:
    hidden = board.all(".legend button")[1]
    name = hidden.text
    hidden.click()
    refreshed(board)
    pressed = {each.text: each.get_attribute("aria-pressed") for each in board.all(".legend button")}
    assert [each for each, shown in pressed.items() if shown == "false"] == [name]
    traces = "document.querySelector('.js-plotly-plot').data"
    assert board.run(
        f"return {traces}.filter((each) => each.visible === false).map((each) => each.name)"
    ) == [name]


def test_a_refresh_waits_for_a_range_that_is_being_drawn(board: Browser) -> None:
    drag = board.find(".nsewdrag")
    ActionChains(board.driver).move_to_element(drag).click_and_hold().move_by_offset(60, 0).perform()
    board.run("performance.clearResourceTimings(); start()")
    wait_until(lambda: len(board.all("[aria-busy=true]")) == 1, "only that graph is not drawn")
    ActionChains(board.driver).release().perform()
    wait_until(lambda: "from=now" not in board.place, "the range that was drawn is the board's")
    board.drawn()
    first, last = (int(each) for each in re.findall(r"(?:from|to)=(\d+)", board.place))
    assert 0 < last - first < 150_000
    board.driver.back()


def test_typing_goes_on_while_the_board_refreshes(browser: Browser) -> None:
    browser.open(f"{BOARD}&refresh=1s")
    browser.find(".panel")
    browser.drawn()
    browser.run("scrollTo(0, 120)")
    search = browser.find("input[name=var-search]")
    search.send_keys("unfin")
    for letter in "is":
        browser.run("performance.clearResourceTimings()")
        drawn_again(browser)
        browser.driver.switch_to.active_element.send_keys(letter)
    browser.run("start()")
    drawn_again(browser)
    browser.driver.switch_to.active_element.send_keys("hed", Keys.ENTER)
    wait_until(lambda: "var-search=unfinished" in browser.place, "the whole word is in the address")
    assert browser.run("return scrollY") == 120


def test_who_comes_back_sees_what_is_new(browser: Browser) -> None:
    """Behind another tab nothing is asked for."""
    browser.open(f"{BOARD}&refresh=1s")
    browser.find(".panel")
    browser.run("window.away = true; Object.defineProperty(document, 'hidden', { get: () => window.away })")
    wait_until(lambda: browser.run("return late"), "a refresh is left out")
    browser.drawn()
    browser.run("performance.clearResourceTimings(); window.away = false")
    assert not ASKED & set(browser.run(ASKED_FOR))
    browser.run("document.dispatchEvent(new Event('visibilitychange'))")
    drawn_again(browser)


def test_another_range_leaves_what_is_open(board: Browser) -> None:
    """Its links have the new range."""
    board.find("h2 button[aria-expanded=false]").click()
    board.all(".log summary")[0].click()
    board.find("#range").send_keys("Last 15m")
    wait_until(lambda: "from=now-15m" in board.place, "the address has the range")
    board.drawn()
    assert board.all("h2 button[aria-expanded=false]") == []
    assert len(board.all(".log[open]")) == 1
    assert "from=now-15m" in str(board.find("h3 a").get_attribute("href"))
    assert board.driver.switch_to.active_element.get_attribute("name") == "range"


# Logs out before the browser does, so that the refresh in between gets 401; returns where that led.
_LATE: Final = """
    const done = arguments[0], form = document.querySelector('form[action="/logout"]');
    let led = '';
    navigation.addEventListener('navigate', (event) => { led = event.destination.url; });
    form.addEventListener('submit', async (event) => {
        event.preventDefault();
        await fetch('/logout', { method: 'POST' });
        await start();
        done(led);
    });
    form.requestSubmit();
"""


def test_a_refresh_beside_logging_out_leads_nowhere(board: Browser) -> None:
    """Otherwise it would replace the page that logging out leads to."""
    assert board.driver.execute_async_script(_LATE) == ""
    board.run("document.querySelector('form[action=\"/logout\"]').submit()")
    wait_until(lambda: board.place == "/login", "logging out leads to the login")
    board.log_in(PASSWORD)
    wait_until(lambda: not board.place.startswith("/login"), "the login leads on")
