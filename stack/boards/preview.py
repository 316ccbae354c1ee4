"""Writes the boards as pages that open from the disk, and as pictures: `make preview`.

The stores are asked as the server asks them; the answers are in a script beside each page.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from stack.boards import explore
from stack.boards.dashboards import Dashboard
from stack.boards.pages import WEB, board_page, plotly_file
from stack.boards.settings import Settings
from stack.boards.sources import Sources, opened
from stack.boards.view import Addresses, View
from stack.boards.window import Window

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
WIDTH: Final = 1280
_ROW_PIXELS: Final = 38
_HEAD_PIXELS: Final = 60
_TITLE_PIXELS: Final = 46
_SECONDS: Final = 90.0
_STATIC: Final = ("boards.css", "boards.js", "panels.js", "icon.svg")


class PreviewError(Exception):
    """A preview that cannot be made; the message says what is missing, and how to get it."""


@dataclass(frozen=True, slots=True)
class Span:
    """The range that is shown, as the boards write times; empty: as each board has it."""

    start: str = ""
    end: str = ""


def browser() -> str | None:
    """Returns the path of a browser that takes pictures, if one is installed."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


async def pages(
    boards: Sequence[Dashboard], settings: Settings, span: Span, folder: Path, tell: Callable[[str], None]
) -> list[Path]:
    """Writes a page per board and what they share; returns the pages. The folder is replaced as a whole.

    Raises:
        AwayError, DashboardError, RangeError: a board cannot be asked for; the folder is as it was.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".preview-", dir=folder.parent) as scratch:
        made = Path(scratch) / "pages"
        _shared(made)
        async with opened(settings) as sources:
            for number, board in enumerate(boards, 1):
                tell(f"[{number}/{len(boards)}] {board.title}")
                await _page(board, boards, _Asked(sources, settings, span), made)
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    return [folder / f"{board.uid}.html" for board in boards]


def picture(page: Path, board: Dashboard, program: str) -> Path:
    """Writes the picture of a page beside it, as high as the board is; returns its path.

    Raises:
        PreviewError: the browser takes none.
    """
    path = page.with_suffix(".png")
    with tempfile.TemporaryDirectory(prefix="lms-preview-") as profile:
        command = [
            program,
            "--headless=new",
            "--no-sandbox",  # it shows files of our own only, and in containers it has no other way to start
            "--disable-gpu",
            "--hide-scrollbars",
            "--no-first-run",
            f"--user-data-dir={profile}",
            f"--window-size={WIDTH},{height(board)}",
            "--virtual-time-budget=10000",
            f"--screenshot={path.resolve()}",
            page.resolve().as_uri(),
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise PreviewError(f"{program} took no picture of {page.name} in {_SECONDS:.0f} s.") from None
    if done.returncode or not path.exists():
        raise PreviewError(f"{program} took no picture of {page.name}: {done.stderr.strip()[-300:]}")
    return path


def height(board: Dashboard) -> int:
    """Returns how many pixels high a board is with all its rows open."""
    found = _HEAD_PIXELS
    for row in board.rows:
        tops = [panel.place.y for panel in row.panels]
        ends = [panel.place.y + panel.place.height for panel in row.panels]
        found += (max(ends) - min(tops)) * _ROW_PIXELS + _TITLE_PIXELS if ends else _TITLE_PIXELS
    return found


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the pages have in common."""

    sources: Sources
    settings: Settings
    span: Span

    def view(self, board: Dashboard) -> View:
        """Returns the view of a board, with its variables as the board has them."""
        first, last = self.span.start or board.start, self.span.end or board.end
        shown = Window.of(first, last, now=time.time(), points=WIDTH // 2)
        web = self.settings.alertmanager_web_url or self.settings.alertmanager_url
        return View(board, {}, shown, self.sources, Addresses(explore.trace_url(self.settings), web))


async def _page(board: Dashboard, boards: Sequence[Dashboard], asked: _Asked, folder: Path) -> None:
    view = asked.view(board)
    answers: dict[str, Any] = {"": await view.frame(), "/notes": await view.notes()}
    for panel in board.panels:
        answers[f"/panels/{panel.id}"] = await view.content(panel)
    preview = {"uid": board.uid, "from": view.window.first, "to": view.window.last, "answers": answers}
    script = f"window.PREVIEW = {json.dumps(preview, ensure_ascii=False, allow_nan=False)};\n"
    (folder / f"{board.uid}.js").write_text(script, encoding="utf-8")
    text = board_page(board, boards, version("plotly"), f"{board.uid}.js")
    (folder / f"{board.uid}.html").write_text(text, encoding="utf-8")


def _shared(folder: Path) -> None:
    static = folder / "static"
    static.mkdir(parents=True)
    for name in _STATIC:
        shutil.copyfile(WEB / name, static / name)
    shutil.copyfile(plotly_file(), static / f"plotly-{version('plotly')}.min.js")
