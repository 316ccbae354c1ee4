"""Writes the boards as pages that open from the disk, and as pictures: `make preview`.

The stores are asked as the server asks them; the answers are in a script beside each page.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from stack.boards import elsewhere, explore
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
MARK: Final = "preview.json"
"""The file by which a folder is known to be a preview."""
_STATIC: Final = ("boards.css", "plots.js", "panels.js", "looks.js", "toolbar.js", "boards.js", "icon.svg")


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
    """Writes a page per board and what they share, in place of an older preview; returns the pages.

    What the stores answered is in them, so only their owner may read them.

    Raises:
        AwayError, DashboardError, RangeError: a board cannot be asked for; the folder is as it was.
        PreviewError: the folder has something else in it, or cannot be written; it is as it was.
    """
    try:
        _refuse_others(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".preview-", dir=folder.parent) as scratch:
            made = Path(scratch) / "pages"
            _shared(made, boards)
            async with opened(settings) as sources:
                for number, board in enumerate(boards, 1):
                    tell(f"[{number}/{len(boards)}] {board.title}")
                    await _page(board, boards, _Asked(sources, settings, span), made)
            _replace(folder, made)
    except OSError as error:
        raise PreviewError(
            f"--out is {folder}: {error.strerror}. Name a folder that can be written."
        ) from error
    return [folder / f"{board.uid}.html" for board in boards]


def picture(page: Path, board: Dashboard, program: str) -> Path:
    """Writes the picture of a page beside it, as high as the board is; returns its path.

    Raises:
        PreviewError: the browser takes none.
    """
    path = page.with_suffix(".png")
    # The browser's helpers may write there for a moment after they were told to stop.
    with tempfile.TemporaryDirectory(prefix="lms-preview-", ignore_cleanup_errors=True) as profile:
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
            f"{page.resolve().as_uri()}?theme=dark",  # as Grafana is at first
        ]
        try:
            status, said = _run(command)
        except subprocess.TimeoutExpired:
            raise PreviewError(f"{program} took no picture of {page.name} in {_SECONDS:.0f} s.") from None
    if status or not path.exists():
        raise PreviewError(f"{program} took no picture of {page.name}: {said.strip()[-300:]}")
    return path


def _run(command: Sequence[str]) -> tuple[int, str]:
    """Returns the status of a program, and what it said; whatever happens, none of its processes stays."""
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            _, said = process.communicate(timeout=_SECONDS)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, said


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
    answers = elsewhere.without_server(answers, [each.uid for each in boards], asked.settings)
    preview = {"uid": board.uid, "from": view.window.first, "to": view.window.last, "answers": answers}
    script = f"window.PREVIEW = {json.dumps(preview, ensure_ascii=False, allow_nan=False)};\n"
    (folder / f"{board.uid}.js").write_text(script, encoding="utf-8")
    text = board_page(board, boards, version("plotly"), f"{board.uid}.js")
    (folder / f"{board.uid}.html").write_text(text, encoding="utf-8")


def _refuse_others(folder: Path) -> None:
    """Raises PreviewError for what is no folder, and for one that has something other than a preview."""
    if folder.exists() and not folder.is_dir():
        raise PreviewError(f"--out is {folder}, which is a file: name a folder.")
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise PreviewError(
            f"--out is {folder}, which is not empty and no preview (it has no {MARK}): name another folder, "
            f"or empty it."
        )


def _replace(folder: Path, made: Path) -> None:
    """Puts what was made in the folder's place; an older preview is then beside where it was made."""
    if folder.exists():
        folder.rename(made.with_name("before"))
    made.rename(folder)


def _shared(folder: Path, boards: Sequence[Dashboard]) -> None:
    folder.mkdir(mode=0o700)
    mark = {"boards": [board.uid for board in boards]}
    (folder / MARK).write_text(json.dumps(mark, indent=2) + "\n", encoding="utf-8")
    static = folder / "static"
    static.mkdir()
    for name in _STATIC:
        shutil.copyfile(WEB / name, static / name)
    shutil.copyfile(plotly_file(), static / f"plotly-{version('plotly')}.min.js")
