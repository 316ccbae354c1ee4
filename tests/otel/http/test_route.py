"""`http.route` is the template that the application declared; it never contains a value from a client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from fastapi import APIRouter, FastAPI, Request, Response, WebSocket
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles

import otel
from otel.http.routing import path_below_root
from otel.testing import Captured, capture_telemetry
from tests.otel.asgi import request, websocket

SEGMENTS = ("", ":int", ":uuid", ":float")
WORDS = ("u", "x", "courses", "me")
DURATION = "http.server.request.duration"
CONNECTION = "websocket.server.connection.duration"
VALUES = {
    "": st.sampled_from((*WORDS, "ada", "A-1", "{word}", "ü")),
    ":int": st.integers(0, 99).map(lambda number: f"{number:03}"),
    ":uuid": st.uuids().map(lambda uuid: str(uuid).upper()),
    ":float": st.sampled_from(("1.50", "2")),
    ":path": st.sampled_from(("x", "courses/x", "a//b", "")),
}


@dataclass(frozen=True)
class Piece:
    """One part of a path as declared, as it appears in telemetry, and as a client may fill it in."""

    declared: str
    template: str
    value: str


@st.composite
def pieces(draw: st.DrawFn, names: count[int], kinds: tuple[str, ...] = SEGMENTS) -> Piece:
    if draw(st.booleans()):
        word = draw(st.sampled_from(WORDS))
        return Piece(f"/{word}", f"/{word}", f"/{word}")
    name, kind = f"p{next(names)}", draw(st.sampled_from(kinds))
    return Piece(f"/{{{name}{kind}}}", f"/{{{name}}}", f"/{draw(VALUES[kind])}")


Inside = Callable[[str], list[BaseRoute]]
"""Creates the routes below a prefix, given the prefix's template."""


Service = tuple[list[Inside], list[str]]
"""The branches of an application, and a path into each."""


def leaf(kind: str, piece: Piece) -> Inside:
    """Returns what creates a route that responds with its own template."""

    def routes(prefix: str) -> list[BaseRoute]:
        template = prefix + piece.template

        async def answer(_request: Request) -> Response:
            return PlainTextResponse(template)

        async def talk(connection: WebSocket) -> None:
            await connection.accept(headers=[(b"x-template", template.encode())])

        if kind == "api":
            router = APIRouter()
            router.add_api_route(piece.declared, answer)
            router.add_api_websocket_route(piece.declared, talk)
            return list(router.routes)
        return [Route(piece.declared, answer), WebSocketRoute(piece.declared, talk)]

    return routes


def around(kind: str, piece: Piece, inside: Inside) -> Inside:
    """Wraps routes in something that holds them, one level up."""

    def routes(prefix: str) -> list[BaseRoute]:
        below = inside(prefix + ("" if kind == "host" else piece.template))
        if kind == "host":
            return [Host("{tenant}.example", Router(routes=below))]
        if kind == "included":
            included, router = APIRouter(), APIRouter()
            included.routes.extend(below)
            router.include_router(included, prefix=piece.declared)
            return list(router.routes)
        app = {"fastapi": FastAPI, "starlette": Starlette, "router": Router}[kind](routes=below)
        return [Mount(piece.declared, app)]

    return routes


@st.composite
def services(draw: st.DrawFn) -> Service:
    """Draws some branches of an application, and a path into each."""
    names = count()
    branches, paths = [], []
    for _ in range(draw(st.integers(1, 3))):
        end = draw(pieces(names, ("", ":int", ":uuid", ":path")))
        branch, path = leaf(draw(st.sampled_from(("api", "starlette"))), end), end.value
        for _ in range(draw(st.integers(0, 3))):
            kind = draw(st.sampled_from(("fastapi", "starlette", "router", "included", "host")))
            piece = draw(pieces(names))
            branch = around(kind, piece, branch)
            path = path if kind == "host" else piece.value + path
        branches.append(branch)
        paths.append(path)
    return branches, paths


class Rooted:
    """A server with a root path, like uvicorn's `--root-path`."""

    def __init__(self, app: Any, root_path: str) -> None:  # noqa: ANN401 - any ASGI application
        self._app, self._root_path = app, root_path

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's arguments
        await self._app({**scope, "root_path": self._root_path}, receive, send)


async def ask(app: FastAPI, path: str, root: str) -> list[str | None]:
    """Returns the templates of the routes that answered, over HTTP and over a WebSocket."""
    headers = [("Host", "ada.example")]
    http = await request(Rooted(app, root), path, headers=headers)
    talk = await websocket(Rooted(app, root), path, headers=headers)
    template = talk.headers.get("x-template") if talk.messages[0]["type"] == "websocket.accept" else None
    return [http.body.decode() if http.status == 200 else None, template]


@given(service=services(), root=st.sampled_from(("", "/me", "/proxy/ada")))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_route_is_the_template_of_the_handler_that_answered(service: Service, root: str) -> None:
    branches, paths = service
    app = FastAPI(openapi_url=None)
    for branch in branches:
        app.router.routes.extend(branch(""))
    with capture_telemetry() as captured:
        otel.instrument(app)
        answered = [each for path in paths for each in asyncio.run(ask(app, root + path, root))]
        spans = [span.attributes.get("http.route") for span in captured.spans]

    event(f"answered: {sum(each is not None for each in answered)} of {len(answered)}")
    found = [(ours, theirs) for ours, theirs in zip(spans, answered, strict=True) if theirs is not None]
    assert [ours for ours, _ in found] == [theirs for _, theirs in found]


async def test_no_client_can_create_a_series(captured: Captured) -> None:
    """A path that is unmatched, redirected or below a mount without routes gets no name of its own."""
    app, sub = FastAPI(), FastAPI()
    sub.get("/x")(lambda: 1)
    app.mount("/u/{user:uuid}", sub)
    app.mount("/static", StaticFiles(directory=".", check_dir=False))
    app.mount("/users/{user}/files", Starlette())
    otel.instrument(app)
    for number in range(40):
        user = str(UUID(int=0xA << 124 | number)).upper()
        for path in (f"/u/{user}/x", f"/u/{user}/{user}", f"/u/{user}/x/", f"/static/{user}", f"/{user}"):
            await request(app, path)
        await request(Rooted(app, f"/p/{user}"), f"/p/{user}/users/{user}/files/{user}")

    routes = {series.attributes["http.route"] for series in captured.metrics[DURATION]}
    assert routes == {"/u/{user}/x", "/u/{user}/{path}", "/static/{path}", "/users/{user}/files/{path}"} | {
        "<unmatched>"
    }


async def test_the_route_includes_only_a_root_path_that_the_application_declares(
    captured: Captured,
) -> None:
    """A proxy's prefix may come from a header, and an outer application may have mounted ours."""
    declared, mounted = FastAPI(), FastAPI()
    declared.root_path = "/api"  # the constructor's parameter warns that the server should have it
    for app in (declared, mounted):
        app.get("/x")(lambda: 1)
        otel.instrument(app)
    outer = Starlette(routes=[Mount("/tenants/{tenant}", mounted)])
    await request(Rooted(declared, "/from-a-header"), "/x")
    await request(Rooted(mounted, "/from-a-header"), "/from-a-header/x")
    await request(outer, "/tenants/ada/x")

    routes = [span.attributes["http.route"] for span in captured.spans]
    assert routes == ["/api/x", "/x", "/tenants/{tenant}/x"]


class Copies:
    """Middleware that passes on a copy of the scope."""

    def __init__(self, app: Any) -> None:  # noqa: ANN401 - any ASGI application
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's arguments
        await self._app({**scope}, receive, send)


async def test_the_route_is_found_behind_middleware_that_copies_the_scope(captured: Captured) -> None:
    app = FastAPI()
    app.get("/x/{number}")(lambda number: number)
    app.add_middleware(Copies)
    otel.instrument(app)
    await request(app, "/x/7")

    assert captured.spans[0].name == "GET /x/{number}"


@pytest.mark.parametrize(
    ("path", "root", "below"),
    [
        ("/livez", "", "/livez"),
        ("/api/livez", "/api", "/livez"),
        ("/livez", "/api", "/livez"),
        ("/apilivez", "/api", "/apilivez"),
        ("/api", "/api", ""),
    ],
)
async def test_an_excluded_path_is_matched_below_the_root_path(
    captured: Captured, path: str, root: str, below: str
) -> None:
    app = FastAPI()
    app.get("/livez")(lambda: 1)
    otel.instrument(app)
    answer = await request(Rooted(app, root), path)

    assert path_below_root({"path": path, "root_path": root}) == below
    assert answer.status == (200 if below == "/livez" else 404)
    assert bool(captured.spans) is (below != "/livez")
