from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
import redis

from app.http.pagination import encode_cursor
from app.lms.courses.catalogue import Catalogue
from app.lms.courses.records import Course
from app.lms.services import Services
from otel.testing import Captured
from tests.app.fixed_clock import FixedClock
from tests.app.people import LESSON, Api, Person
from tests.app.problems import assert_problem


async def publish(api: Api, author: Person, *slugs: str) -> None:
    for slug in slugs:
        await api.course(author, slug=slug, quizzes=[])


async def pages(api: Api, limit: int) -> list[list[str]]:
    found, cursor = [], None
    while True:
        params = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        body = (await api.client.get("/courses", params=httpx.QueryParams(params))).json()
        found.append([item["id"] for item in body["items"]])
        cursor = body["next_cursor"]
        if cursor is None:
            return found


async def test_pages_cover_the_catalogue_once_in_order(api: Api) -> None:
    author = await api.instructor()
    await publish(api, author, "e", "b", "d", "a", "c")
    await api.course(author, slug="draft", published=False)
    assert await pages(api, 2) == [["a", "b"], ["c", "d"], ["e"]]
    assert await pages(api, 5) == [["a", "b", "c", "d", "e"]]


async def test_pages_stay_stable_while_courses_appear(api: Api) -> None:
    author = await api.instructor()
    await publish(api, author, "b", "d", "f")
    first = (await api.client.get("/courses", params={"limit": 2})).json()
    await publish(api, author, "a", "e")
    rest = (await api.client.get("/courses", params={"limit": 9, "cursor": first["next_cursor"]})).json()
    assert [item["id"] for item in first["items"]] == ["b", "d"]
    assert [item["id"] for item in rest["items"]] == ["e", "f"]


async def test_a_page_is_read_once_until_something_changes(api: Api, telemetry: Captured) -> None:
    author = await api.instructor()
    await publish(api, author, "a")
    for _ in range(3):
        await api.client.get("/courses")
    assert telemetry.value("lms.catalogue.reads", {"cache": "miss"}) == 1
    assert telemetry.value("lms.catalogue.reads", {"cache": "hit"}) == 2

    await author.send("PATCH", "/courses/a", {"title": "Renamed"})
    items = (await api.client.get("/courses")).json()["items"]
    assert [item["title"] for item in items] == ["Renamed"]
    assert telemetry.value("lms.catalogue.reads", {"cache": "miss"}) == 2


async def test_visitors_cannot_fill_the_cache(api: Api, empty_redis_url: str) -> None:
    author = await api.instructor()
    slugs = [await api.course(author, quizzes=[]) for _ in range(3)]
    await pages(api, 2)
    with redis.Redis.from_url(empty_redis_url) as server:
        before = set(server.keys("lms:catalogue:*"))
        assert len(before) == len(slugs) + 1
        for number in range(50):
            made_up = f"/courses?limit={number + 1}&cursor={encode_cursor(f'made-up-{number}')}"
            assert (await api.client.get(made_up)).status_code == 200
        for number in range(3):
            await author.send("PATCH", f"/courses/{slugs[0]}", {"title": f"Changed {number}"})
            await pages(api, number + 1)
        assert set(server.keys("lms:catalogue:*")) == before
        assert all(server.pttl(key) > 0 for key in before)


async def test_the_cache_holds_the_first_courses_only(
    api: Api, clock: FixedClock, empty_redis_url: str
) -> None:
    await publish(api, await api.instructor(), "a", "b", "c", "d")
    shown = api.app.state.services.courses._catalogue
    small = Catalogue(shown._repository, shown._redis, timedelta(minutes=1), clock, most_cached=2)
    for after, ids in ((None, ["a", "b", "c"]), ("b", ["c", "d"])):
        assert [item.id for item in (await small.page(after, 3)).items] == ids
    with redis.Redis.from_url(empty_redis_url, decode_responses=True) as server:
        assert sorted(server.keys("lms:catalogue:course:*")) == [
            "lms:catalogue:course:a",
            "lms:catalogue:course:b",
        ]


async def test_a_listed_course_that_is_not_published_is_not_shown_and_takes_no_place(api: Api) -> None:
    author = await api.instructor()
    await publish(api, author, "a", "c")
    await api.course(author, slug="b", published=False)
    await api.app.state.services.courses._repository.add_to_catalogue("b")
    await api.app.state.services.courses._catalogue.invalidate()
    for _ in range(2):
        assert await pages(api, 2) == [["a", "c"]]
        assert await pages(api, 1) == [["a"], ["c"]]


async def test_what_was_read_before_a_change_is_not_kept_for_after_it(api: Api) -> None:
    author = await api.instructor()
    await publish(api, author, "a")
    shown = api.app.state.services.courses._catalogue
    read_stored = shown._repository.find_all
    changed: list[httpx.Response] = []

    async def overtaken(ids: list[str]) -> list[Course | None]:
        found: list[Course | None] = await read_stored(ids)
        if not changed:
            changed.append(await author.send("PATCH", "/courses/a", {"title": "Renamed"}))
        return found

    shown._repository.find_all = overtaken
    await api.client.get("/courses")
    items = (await api.client.get("/courses")).json()["items"]
    assert [item["title"] for item in items] == ["Renamed"]


async def test_a_crash_before_the_listing_is_repaired_by_publishing_again(api: Api) -> None:
    author = await api.instructor()
    await publish(api, author, "a", "b")
    listed = api.app.state.services.courses._repository._catalogue
    assert await listed.update({"_id": "published"}, {"$unset": {"courses.a": ""}})
    assert (await author.post("/courses/a/publish")).status_code == 200
    assert await pages(api, 5) == [["a", "b"]]


async def test_courses_published_at_once_are_all_listed(api: Api) -> None:
    author = await api.instructor()
    slugs = [await api.course(author, published=False) for _ in range(6)]
    await asyncio.gather(*(author.post(f"/courses/{slug}/publish") for slug in slugs))
    assert await pages(api, 9) == [sorted(slugs)]


async def test_an_item_counts_lessons_and_quizzes(api: Api) -> None:
    author = await api.instructor()
    await api.course(author, slug="a", lessons=[LESSON, LESSON])
    (item,) = (await api.client.get("/courses")).json()["items"]
    assert (item["lessons"], item["quizzes"], item["capacity"]) == (2, 1, 10)
    assert "content" not in item


async def test_the_page_size_is_limited(api: Api) -> None:
    for limit in (0, 101):
        answer = await api.client.get("/courses", params={"limit": limit})
        assert_problem(answer, 422, "validation_failed", "query.limit")


async def test_a_draft_that_is_listed_is_not_shown_and_shortens_no_page(api: Api, services: Services) -> None:
    author = await api.instructor()
    await publish(api, author, "a", "c", "d")
    await api.course(author, slug="b", published=False)
    await services.courses._repository.add_to_catalogue("b")  # as a process that died while it published b
    assert await pages(api, 2) == [["a", "c"], ["d"]]
