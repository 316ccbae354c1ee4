"""The application that every variant observes: the same routes, the same response."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import APIRouter, FastAPI

ROUTES_PER_ROUTER: Final = 10
DATABASE: Final = "bench"
COLLECTION: Final = "courses"
DOCUMENTS: Final = 500
ITEM: Final = 217

Read = Callable[[int], Awaitable[dict[str, Any]]]


def document(number: int) -> dict[str, Any]:
    """Returns a course as the database holds it."""
    return {"_id": f"course-{number}", "title": "Linear algebra", "lessons": 12, "published": True}


def path_of_last(routes: int) -> str:
    """Returns the path of a request to the route that is matched last."""
    return f"/part{routes - 1}/courses/{ITEM}"


def application(routes: int, database_url: str = "") -> FastAPI:
    """Makes an application of `routes` routes in routers of ten; each answers with one course.

    Args:
        routes: how many, at least 1.
        database_url: MongoDB's; each request then reads its course there. Empty: the course is generated.
    """
    courses: dict[str, Any] = {}

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if not database_url:
            yield
            return
        # Only applications with a database load the driver, after it has been instrumented.
        from motor.motor_asyncio import AsyncIOMotorClient  # noqa: PLC0415 - see above

        client: Any = AsyncIOMotorClient(database_url)
        courses["collection"] = client[DATABASE][COLLECTION]
        yield
        client.close()

    async def find(number: int) -> dict[str, Any]:
        found: dict[str, Any] = await courses["collection"].find_one({"_id": f"course-{number}"})
        return found

    async def make(number: int) -> dict[str, Any]:
        return document(number)

    app = FastAPI(lifespan=lifespan)
    for first in range(0, routes, ROUTES_PER_ROUTER):
        app.include_router(
            _router(range(first, min(first + ROUTES_PER_ROUTER, routes)), _read(find, make, database_url))
        )
    return app


def _read(find: Read, make: Read, database_url: str) -> Read:
    return find if database_url else make


def _router(parts: range, read: Read) -> APIRouter:
    router = APIRouter()
    for part in parts:

        @router.get(f"/part{part}/courses/{{number}}")
        async def course(number: int) -> dict[str, Any]:
            return await read(number)

    return router
