"""The HTML pages, which are templates with little in them: the content is drawn by boards.js."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Final

from starlette.responses import HTMLResponse, Response

from stack.boards.dashboards import Dashboard, DashboardError

HOME: Final = "lms-overview"
WEB: Final = Path(__file__).with_name("web")


def plotly_file() -> Path:
    """Returns Plotly's JavaScript in the installed wheel; its Python is found, not imported: it is large."""
    found = find_spec("plotly")
    if found is None or found.origin is None:
        raise DashboardError("Plotly is not installed: `make up` installs it (requirements-dev.lock).")
    return Path(found.origin).parent / "package_data" / "plotly.min.js"


class Markup(str):
    """HTML of our own, which is inserted as it is."""

    __slots__ = ()


def page(name: str, status: int = 200, headers: Mapping[str, str] | None = None, **values: str) -> Response:
    """Returns a page; values are escaped unless they are `Markup`."""
    found = {**(headers or {}), "Cache-Control": "no-store"}
    return HTMLResponse(render(name, **values), status, found)


def render(name: str, **values: str) -> str:
    """Returns the HTML of a page."""
    text = Template((WEB / name).read_text(encoding="utf-8"))
    return text.substitute(
        {key: each if isinstance(each, Markup) else escape(each) for key, each in values.items()}
    )


def board_page(board: Dashboard, boards: Iterable[Dashboard], plotly: str, answers: str = "") -> str:
    """Returns the page of a board.

    Args:
        board: the board.
        boards: those that its menu lists.
        plotly: the version of Plotly's file.
        answers: the script with the answers, if the page is a file of a preview.
    """
    logout = '<form action="/logout" method="post"><button>Log out</button></form>'
    return render(
        "board.html",
        title=board.title,
        plotly=plotly,
        boards=listed(boards, ".html" if answers else ""),
        static="static" if answers else "/static",
        answers=Markup(f'<script src="{escape(answers)}" defer></script>' if answers else ""),
        logout=Markup("" if answers else logout),
    )


def listed(boards: Iterable[Dashboard], suffix: str = "") -> Markup:
    """Returns the boards as a list of links, the home board first."""
    ordered = sorted(boards, key=lambda board: (board.uid != HOME, board.title))
    items = (
        f'<li><a href="{escape(address(board, suffix))}">{escape(board.title)}</a> '
        f"<span>{escape(board.description)}</span></li>"
        for board in ordered
    )
    return Markup("".join(items))


def address(board: Dashboard, suffix: str = "") -> str:
    """Returns where a board is: on the server, or as a file of a preview (``suffix``)."""
    return f"{board.uid}{suffix}" if suffix else f"/d/{board.uid}"
