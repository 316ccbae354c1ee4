"""A real browser in which the boards are opened: Debian's Chromium, if it is installed with its driver."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from stack.boards.preview import WIDTH
from tests.programs import wait_until

_HIGHEST: Final = 6000
# In one step: the page replaces its elements while it is read.
_PANELS: Final = """
    return [...document.querySelectorAll('.panel')].map((each) => [
        each.dataset.panel, each.dataset.drawn, each.querySelector('.body').innerText,
    ]);
"""
_FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",  # it opens our own pages only, and as root it does not start otherwise
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)


class Browser:
    """The boards, as somebody sees them."""

    def __init__(self, driver: webdriver.Chrome, address: str, pictures: Path) -> None:
        self.driver = driver
        self._address = address
        self._pictures = pictures

    @property
    def place(self) -> str:
        """Path and query of what is open."""
        return self.driver.current_url.removeprefix(self._address)

    def open(self, path: str) -> None:
        """Opens a page."""
        self.driver.get(f"{self._address}{path}")

    def log_in(self, password: str) -> None:
        """Fills in the login that is shown."""
        self.find("input[name=password]").send_keys(password)
        self.find("#login button").click()

    def find(self, selector: str) -> WebElement:
        """Returns the first element that a selector of CSS finds, once there is one."""
        wait_until(lambda: self.all(selector), f"{selector} on {self.place}")
        return self.all(selector)[0]

    def all(self, selector: str) -> list[WebElement]:
        """Returns all elements that a selector of CSS finds."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def run(self, script: str) -> Any:  # noqa: ANN401 - of JavaScript
        """Returns what JavaScript returns."""
        return self.driver.execute_script(script)

    def board(self, uid: str, query: str = "") -> dict[int, tuple[str, str]]:
        """Opens a board with all its rows; returns what kind of content each panel has, and its text."""
        self.open(f"/d/{uid}?refresh=off&{query}")
        self.find(".panel")
        for closed in self.all("h2 button[aria-expanded=false]"):
            closed.click()
        return self.drawn()

    def drawn(self) -> dict[int, tuple[str, str]]:
        """Returns the panels by id, once all of the open rows are drawn."""
        waiting = ".grid:not([hidden]) .panel:not([data-drawn]), .panel[aria-busy=true]"
        wait_until(lambda: not self.all(waiting) and self.all(".panel"), "every panel is drawn")
        return {int(number): (kind, text) for number, kind, text in self.run(_PANELS)}

    def texts(self, selector: str) -> list[str]:
        """Returns the texts of all elements that a selector finds, at one moment."""
        return list(
            self.run(f"return [...document.querySelectorAll({selector!r})].map((each) => each.innerText)")
        )

    def complaints(self) -> list[str]:
        """Returns what the browser's console says: errors, and what the page's policy has refused.

        It leaves out that the machine's network changed, as it does when other tests start containers.
        """
        said = self.driver.get_log("browser")  # type: ignore[no-untyped-call]  # Selenium's
        found = [f"{each['level']}: {each['message']}" for each in said]
        return [each for each in found if "net::ERR_NETWORK_CHANGED" not in each]

    def picture(self, name: str) -> Path:
        """Writes a picture of the whole page; returns its path."""
        height = int(self.run("return document.documentElement.scrollHeight"))
        self.driver.set_window_size(WIDTH, min(height, _HIGHEST))
        path = self._pictures / f"{name}.png"
        assert self.driver.save_screenshot(str(path))
        return path


@contextmanager
def opened(address: str, pictures: Path) -> Iterator[Browser]:
    """Runs a browser; skips the test where none is installed."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no Chromium with its driver (Debian: apt install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*_FLAGS, f"--window-size={WIDTH},1400"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield Browser(started, address, pictures)
    finally:
        started.quit()
