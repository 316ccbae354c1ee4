"""How a board looks, and what it says to whom: in a real browser."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Final
from urllib.parse import quote

import pytest
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.programs import wait_until
from tests.stack.boards.watched import BOARD
from tests.stack.running.browser import Browser

# The contrast of each text with what is behind it; a browser has colours in many notations, a canvas in one.
CONTRASTS: Final = """
    const pixel = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const read = (color) => {
        pixel.clearRect(0, 0, 1, 1);
        pixel.fillStyle = color;
        pixel.fillRect(0, 0, 1, 1);
        return [...pixel.getImageData(0, 0, 1, 1).data];
    };
    const linear = (each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
    const light = ([r, g, b]) =>
        0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
    const behind = (each) => {
        const found = read(getComputedStyle(each).backgroundColor);
        return found[3] ? found : behind(each.parentElement);
    };
    const isText = (node) => node.nodeType === 3 && node.data.trim();
    const texts = [...document.querySelectorAll('body *')].filter((each) =>
        each.checkVisibility() && [...each.childNodes].some(isText));
    return texts.map((each) => {
        const { color, fill } = getComputedStyle(each);
        const pair = [light(read(each instanceof SVGElement ? fill : color)), light(behind(each))];
        return [each.textContent, (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05)];
    });
"""


@pytest.mark.parametrize("number", [1, 4])
def test_lines_that_are_close_have_their_words_together(board: Browser, number: int) -> None:
    """Over lines and over states."""
    [mark] = board.all(f"[data-panel='{number}'] .xy2 .scatterlayer .point")
    board.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", mark)
    ActionChains(board.driver).move_to_element(mark).perform()
    shown = {"up of prometheus", "prometheus_build_info of prometheus"}
    wait_until(lambda: all(each in said(board, number) for each in shown), "the words are shown")


def said(board: Browser, number: int) -> str:
    hovered = f"document.querySelector('[data-panel=\"{number}\"] .hoverlayer')"
    return str(board.run(f"return {hovered}?.textContent"))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_is_readable(browser: Browser, theme: str) -> None:
    """By WCAG 2.2's contrast (AA), in the theme that the address names; links lead on with it."""
    browser.open(f"{BOARD}&refresh=off&theme={theme}")
    browser.find("h2 button[aria-expanded=false]").click()
    shown = browser.drawn()
    assert shown[5][0] == "stats"
    contrasts = {text: round(ratio, 1) for text, ratio in browser.run(CONTRASTS)}
    assert len(contrasts) > 60
    assert {text: ratio for text, ratio in contrasts.items() if ratio < 4.5} == {}
    page = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert (sum(int(each) for each in re.findall(r"\d+", page)[:3]) > 380) == (theme == "light")
    assert f"theme={theme}" in str(browser.find("h3 a").get_attribute("href"))


def test_everything_is_reached_by_keyboard(board: Browser) -> None:
    keys = ActionChains(board.driver)
    board.run("document.querySelector('details[data-variable=job] summary').focus()")
    keys.send_keys(Keys.ENTER, Keys.TAB, Keys.SPACE, Keys.ESCAPE).perform()
    wait_until(lambda: "var-job=prometheus" in board.place, "the value that was ticked is chosen")
    board.drawn()
    reached = {board.driver.switch_to.active_element}
    for _ in range(200):
        keys = ActionChains(board.driver)
        keys.send_keys(Keys.TAB).perform()
        reached.add(board.driver.switch_to.active_element)
    wanted = "main :is(a, button, summary), #toolbar :is(select, summary, button), #boards > summary"
    assert [each.text for each in board.all(wanted) if each.is_displayed() and each not in reached] == []
    toggle = board.find("h2 button[aria-expanded=false]")
    toggle.send_keys(Keys.ENTER)
    assert toggle.get_attribute("aria-expanded") == "true"


def test_a_list_closes_behind_who_goes_on(board: Browser) -> None:
    def elsewhere() -> None:
        board.run("document.querySelector('#range').focus()")

    for leave in (board.find("h1").click, elsewhere):
        board.find("#boards summary").click()
        assert board.all("#boards[open]")
        leave()
        assert board.all("#boards[open]") == []


def test_everything_has_a_name(board: Browser) -> None:
    """What a screen reader says of controls, graphs and tables."""
    controls = board.all("a, button, select, summary, input")
    assert [each.get_attribute("outerHTML") for each in controls if shown_without_name(each)] == []
    assert [each.accessible_name for each in board.all("[role=img]")] == [
        "timeseries 1. What is asked for",
        "state-timeline 4",
    ]
    assert [each.accessible_name for each in board.all("table, article")][:2] == ["timeseries 1", "table 2"]


def shown_without_name(control: WebElement) -> bool:
    return control.is_displayed() and not control.accessible_name


def test_on_a_phone_panels_are_below_each_other(board: Browser) -> None:
    size = board.driver.get_window_size()
    board.driver.set_window_size(500, 800)
    try:
        page = "document.documentElement"
        wait_until(lambda: board.run(f"return {page}.clientWidth") <= 500, "the window is narrow")
        edges = board.run(
            "return [...document.querySelectorAll('.grid:not([hidden]) .panel')]"
            ".map((each) => each.getBoundingClientRect())"
            ".map(({ left, right, top, bottom }) => [left, right, top, bottom])"
        )
        assert len({(left, right) for left, right, _, _ in edges}) == 1
        assert all(bottom - top > 200 for _, _, top, bottom in edges)
        assert board.run(f"return {page}.scrollWidth <= {page}.clientWidth")
    finally:
        board.driver.set_window_size(size["width"], size["height"])


def test_on_a_wall_there_are_panels_alone(browser: Browser) -> None:
    browser.open(f"{BOARD}&refresh=off&kiosk")
    browser.find(".panel")
    browser.drawn()
    assert [browser.find(each).is_displayed() for each in ("header", "#honest", ".panel")] == [
        False,
        False,
        True,
    ]
    ActionChains(browser.driver).send_keys(Keys.ESCAPE).perform()
    wait_until(browser.find("header").is_displayed, "Escape shows the rest")


def test_a_link_to_explore_opens_its_range(browser: Browser) -> None:
    """In the log store's own page, which shows the reader's time zone."""
    spread = {"from": "1700000000000", "to": "1700001800000"}
    panes = {"a": {"queries": [{"expr": '{service_name="lms"}'}], "range": spread}}
    browser.open(f"/explore?panes={quote(json.dumps(panes))}")
    first, last = (datetime.fromtimestamp(int(each) / 1000).astimezone() for each in spread.values())
    shown = f"{first:%Y-%m-%d %H:%M:%S}.000000000 - {last:%Y-%m-%d %H:%M:%S}.000000000"
    wait_until(lambda: shown in browser.texts("button"), f"the page shows {shown}")
