"""What a reader has done on a board stays when it is refreshed: in a real browser, with a few real stores."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from urllib.parse import quote

import httpx
import pytest
from selenium.webdriver import ActionChains, Keys

from stack.boards.preview import WIDTH
from tests.collector_config.stores import victorialogs
from tests.programs import wait_until
from tests.stack.boards.serving import (
    JOB,
    LOGS,
    METRICS,
    PASSWORD,
    listening,
    panel,
    scraped,
    settings,
    write_board,
)
from tests.stack.running.browser import Browser, opened

REQUESTS: Final = {"expr": "sum by (handler) (prometheus_http_requests_total)", "legendFormat": "{{handler}}"}
LINES: Final = {"expr": '{service_name="lms"}', "datasource": LOGS}
LINK: Final = {"title": "Itself", "url": "/d/a-board?${__url_time_range}"}


def place(y: int) -> dict[str, int]:
    return {"x": 0, "y": y, "w": 12, "h": 8}


def note(metric: str) -> dict[str, object]:
    """Returns an annotation: Prometheus has begun to have this metric."""
    return {"name": metric, "datasource": METRICS, "expr": metric, "titleFormat": f"{metric} of {{{{job}}}}"}


MORE: Final = {"type": "row", "title": "More", "collapsed": True, "gridPos": place(24)}
PANELS: Final = [
    panel(1, "timeseries", REQUESTS, gridPos=place(0), links=[LINK]),
    panel(2, "table", REQUESTS | {"instant": True, "format": "table"}, gridPos=place(8)),
    panel(3, "logs", LINES, datasource=LOGS, gridPos=place(16)),
    panel(4, "state-timeline", {"expr": "up", "legendFormat": "{{job}}"}, gridPos=place(8) | {"x": 12}),
    MORE | {"panels": [panel(5, "stat", REQUESTS, gridPos=place(25))]},
]
SEARCH: Final = {"name": "search", "type": "textbox", "label": "Search", "query": ""}
BOARD: Final = "/d/a-board?from=now-5m&to=now"
ASKED: Final = {"panels/1", "panels/2", "panels/3", "panels/4"}
_ASKED: Final = """
    return performance.getEntriesByType('resource').map((each) => each.name.match(/panels.\\d+/)?.[0]);
"""


@pytest.fixture(scope="module")
def logs_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with victorialogs(tmp_path_factory.mktemp("logs")) as url:
        write_lines(url, [f"line {number}" for number in range(60)])
        yield url


@pytest.fixture(scope="module")
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
            wait_until(lambda: _first_look(started)[1][0] == "plot", "there is something to draw", every=1)
            yield started


@pytest.fixture
def board(browser: Browser) -> Browser:
    """The board, as somebody sees it first."""
    _first_look(browser)
    return browser


def _first_look(browser: Browser) -> dict[int, tuple[str, str]]:
    browser.open(f"{BOARD}&refresh=off")
    browser.find(".panel")
    return browser.drawn()


def write_lines(url: str, texts: list[str], since: float = 60) -> None:
    now = time.time() - since
    lines = [
        {"_time": f"{now + index / 1000:.3f}", "_msg": text, "service.name": "lms"}
        for index, text in enumerate(texts)
    ]
    fields = {"_stream_fields": "service.name", "_time_field": "_time"}
    body = "\n".join(map(json.dumps, lines))
    httpx.post(f"{url}/insert/jsonline", params=fields, content=body).raise_for_status()
    httpx.get(f"{url}/internal/force_flush").raise_for_status()


def refreshed(board: Browser) -> None:
    """Asks for all panels again, and waits until they are drawn."""
    board.run("performance.clearResourceTimings()")
    board.find("button[name=refresh]").click()
    drawn_again(board)


def drawn_again(board: Browser) -> None:
    """Waits until that has happened."""
    wait_until(lambda: set(board.run(_ASKED)) >= ASKED, "every open panel is asked for")
    board.drawn()


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


def test_a_link_to_explore_opens_its_range(browser: Browser) -> None:
    """In the log store's own page, which shows the reader's time zone."""
    spread = {"from": "1700000000000", "to": "1700001800000"}
    panes = {"a": {"queries": [{"expr": '{service_name="lms"}'}], "range": spread}}
    browser.open(f"/explore?panes={quote(json.dumps(panes))}")
    first, last = (datetime.fromtimestamp(int(each) / 1000).astimezone() for each in spread.values())
    shown = f"{first:%Y-%m-%d %H:%M:%S}.000000000 - {last:%Y-%m-%d %H:%M:%S}.000000000"
    wait_until(lambda: shown in browser.texts("button"), f"the page shows {shown}")
