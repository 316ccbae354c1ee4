"""Takes and releases seats in tests, and reads a course's seats."""

from __future__ import annotations

import httpx

from app.core.security import Principal, Role
from app.lms.enrollments.repository import SeatRepository
from app.lms.enrollments.schemas import Seats
from app.lms.enrollments.seats import SeatKeeper
from tests.app.people import Api, Person


async def enroll(person: Person, course: str) -> httpx.Response:
    return await person.post(f"/courses/{course}/enrollments")


async def leave(person: Person, course: str) -> httpx.Response:
    return await person.send("DELETE", f"/courses/{course}/enrollments/me")


def ledger(api: Api) -> SeatRepository:
    keeper: SeatKeeper = api.app.state.services.enrollments._seats
    return keeper._seats


async def seats_of(api: Api, course: str) -> Seats:
    seats = await ledger(api).find(course)
    assert seats is not None
    assert seats.free + len(seats.holders) == seats.capacity
    return seats


def principal(number: int) -> Principal:
    """A principal without an account."""
    return Principal(id=f"usr_{number:020x}", role=Role.STUDENT, role_version=0, family="fam_1")
