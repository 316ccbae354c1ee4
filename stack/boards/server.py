"""The server: our boards at the addresses that Grafana has for them, for who has logged in.

A browser sends a board's uid, a panel's id, values of variables and a range, never a query.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stack.boards import elsewhere, explore
from stack.boards.access import COOKIE, SESSION_SECONDS, Access
from stack.boards.dashboards import Dashboard, DashboardError
from stack.boards.pages import HOME, WEB, board_page, listed, page, plotly_file
from stack.boards.settings import Settings, secret
from stack.boards.sources import AwayError, Sources, opened
from stack.boards.view import Addresses, View, window
from stack.boards.window import RangeError

# Nothing runs or is loaded that is not ours. Plotly and the grid of panels set styles of elements.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
OPEN: Final = frozenset(
    {"/api/health", "/api/session", "/login", "/logout", "/static/boards.css", "/static/login.js"}
)
"""What is served to everybody."""
_LARGEST_FORM: Final = 4096
_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
_WILDCARDS: Final = ("0.0.0.0", "::")  # noqa: S104 - nothing listens there by itself
Handler = Callable[[Request], Awaitable[Response]]


class Guard:
    """Lets only those in who have logged in, and adds the headers that protect them to every answer."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += [
                    (name.lower().encode(), text.encode()) for name, text in HEADERS.items()
                ]
            await send(message)

        request = Request(scope)
        if request.method not in {"GET", "HEAD"} and _foreign(request):
            await JSONResponse({"error": "Another site sent this form."}, 403)(scope, receive, protected)
            return
        if request.url.path in OPEN or self._access.knows(request.cookies.get(COOKIE, "")):
            await self._app(scope, receive, protected)
            return
        await _refusal(request)(scope, receive, protected)


def _foreign(request: Request) -> bool:
    """Returns whether a page of another site sends a request: it would use up the attempts of the admin."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = request.headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("Host")


def _refusal(request: Request) -> Response:
    """Returns the way to the login for a page; for everything else, only that there is one."""
    if request.url.path.startswith(("/api/", "/static/")) or request.method not in {"GET", "HEAD"}:
        return JSONResponse({"error": "Log in at /login."}, 401)
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/login?next={quote(here, safe='')}", 303)


class Server:
    """The handlers, with what they need."""

    def __init__(self, settings: Settings, boards: list[Dashboard]) -> None:
        self._settings = settings
        self._boards = {board.uid: board for board in boards}
        self._access = Access(secret(settings.password_file))
        self._sources: Sources | None = None
        self._addresses = Addresses(
            trace=explore.trace_url(settings),
            alertmanager=settings.alertmanager_web_url or settings.alertmanager_url,
        )

    def app(self) -> Starlette:
        """Returns the ASGI application."""
        plotly = f"/static/plotly-{version('plotly')}.min.js"
        routes = [
            Route("/", self._home),
            Route("/login", self._login_page),
            Route("/login", self._login, methods=["POST"]),
            Route("/logout", self._logout, methods=["POST"]),
            Route("/explore", self._explore),
            Route("/alerting/{page}", self._alerting),
            Route("/dashboards", self._home),
            Route("/d/{uid}", self._board),
            Route("/d/{uid}/{slug}", self._board),
            Route("/api/health", _health),
            Route("/api/session", self._session),
            Route("/api/boards/{uid}", self._frame),
            Route("/api/boards/{uid}/notes", self._notes),
            Route("/api/boards/{uid}/panels/{panel:int}", self._panel),
            Route(plotly, _plotly),
            Route("/static/{name}", _static),
        ]
        middleware = [
            Middleware(Guard, access=self._access),
            Middleware(
                TrustedHostMiddleware, allowed_hosts=_hosts(self._settings.listen[0]), www_redirect=False
            ),
        ]
        return Starlette(routes=routes, middleware=middleware, lifespan=self._opened)

    @asynccontextmanager
    async def _opened(self, _app: Starlette) -> AsyncIterator[None]:
        async with opened(self._settings) as self._sources:
            yield

    async def _home(self, request: Request) -> Response:
        if request.url.path == "/" and HOME in self._boards:
            return RedirectResponse(f"/d/{HOME}", 303)
        return page("home.html", boards=listed(self._boards.values()))

    async def _login_page(self, _: Request) -> Response:
        return page("login.html", said="")

    async def _login(self, request: Request) -> Response:
        address = request.client.host if request.client else ""
        form = await _form(request)  # nothing is awaited between asking for attempts and counting one
        if wait := self._access.wait(address):
            said = f"Too many attempts: try again in {wait} s."
            return page("login.html", 429, {"Retry-After": f"{wait}"}, said=said)
        if not self._access.admits(form.get("user", ""), form.get("password", ""), address):
            return page("login.html", 401, said="That is not the user admin with STACK_GRAFANA_PASSWORD.")
        answer = RedirectResponse(_inside(request.query_params.get("next", "/")), 303)
        answer.set_cookie(
            COOKIE, self._access.session(), max_age=SESSION_SECONDS, httponly=True, samesite="strict"
        )
        return answer

    async def _logout(self, request: Request) -> Response:
        self._access.end(request.cookies.get(COOKIE, ""))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer

    async def _session(self, request: Request) -> Response:
        """Tells the page of the login whether who asks has logged in."""
        return JSONResponse({"known": self._access.knows(request.cookies.get(COOKIE, ""))})

    async def _explore(self, request: Request) -> Response:
        return RedirectResponse(explore.redirected(request.query_params, self._settings), 303)

    async def _alerting(self, request: Request) -> Response:
        return RedirectResponse(elsewhere.alerting(request.path_params["page"], self._settings), 303)

    async def _board(self, request: Request) -> Response:
        board = self._boards.get(request.path_params["uid"])
        if board is None:
            return page("home.html", 404, boards=listed(self._boards.values()))
        text = board_page(board, self._boards.values(), version("plotly"))
        return HTMLResponse(text, headers={"Cache-Control": "no-store"})

    async def _frame(self, request: Request) -> Response:
        return await self._answered(request, lambda view: view.frame())

    async def _notes(self, request: Request) -> Response:
        return await self._answered(request, lambda view: view.notes())

    async def _panel(self, request: Request) -> Response:
        board = self._boards.get(request.path_params["uid"])
        panel = board and board.panel(request.path_params["panel"])
        if not panel:
            return JSONResponse({"error": "There is no such panel."}, 404)
        return await self._answered(request, lambda view: view.content(panel))

    async def _answered(self, request: Request, ask: Callable[[View], Awaitable[object]]) -> Response:
        board = self._boards.get(request.path_params["uid"])
        if board is None or self._sources is None:
            return JSONResponse({"error": "There is no such board."}, 404)
        query = request.query_params
        try:
            shown = window(board, query.get("from", ""), query.get("to", ""), _points(query))
            view = View(board, _chosen(query), shown, self._sources, self._addresses)
            return _json(await ask(view))
        except RangeError as error:
            return JSONResponse({"error": str(error)}, 400)
        except (AwayError, DashboardError) as error:
            return JSONResponse({"error": str(error)}, 502)


def _hosts(listen: str) -> list[str]:
    """Returns by which names a browser may ask: another's name may be made to lead to this machine.

    Who listens at every address is known by names that only the network has.
    """
    if listen in _WILDCARDS:
        return ["*"]
    return [f"[{listen}]" if ":" in listen else listen, *_LOOPBACK]


async def _health(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _plotly(_: Request) -> Response:
    """Returns Plotly's JavaScript out of the installed wheel."""
    return _file(plotly_file(), "max-age=31536000, immutable")


async def _static(request: Request) -> Response:
    found = {path.name: path for path in WEB.iterdir() if path.suffix in {".js", ".css", ".svg"}}
    path = found.get(request.path_params["name"])
    return _file(path, "no-cache") if path else Response(status_code=404)


def _file(path: Path, caching: str) -> Response:
    return FileResponse(path, headers={"Cache-Control": f"private, {caching}"})


def _json(found: object) -> Response:
    """Returns JSON.

    Raises:
        ValueError: an infinity, or what is no number, is in it, for which JSON has no text.
    """
    body = json.dumps(found, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode(
        errors="replace"
    )
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})


def _chosen(query: QueryParams) -> dict[str, list[str]]:
    """Returns the variables' values; an address has them as ``var-name=value``."""
    names = {key for key in query if key.startswith("var-")}
    return {key.removeprefix("var-"): query.getlist(key) for key in names}


def _points(query: QueryParams) -> int:
    text = query.get("points", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 5 else 600  # noqa: PLR2004 - no more is drawn


async def _form(request: Request) -> dict[str, str]:
    """Returns the fields of a form, if it is not larger than one that we serve."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_FORM:
            return {}
    return dict(QueryParams(bytes(body)).items())


def _inside(target: str) -> str:
    """Returns an address within this server, whatever the one asked for is."""
    inside = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if inside else "/"
