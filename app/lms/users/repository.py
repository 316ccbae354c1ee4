from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Final

from app.core.security import Role
from app.infra.mongo import Database, DuplicateId, Index
from app.lms.users.schemas import Step, User

_ADMINS: Final = {"_id": "admins"}


class UserRepository:
    """Accounts, one document each; no two share an email address."""

    def __init__(self, database: Database) -> None:
        self._users = database.collection("users", Index(("email",), unique=True))

    async def insert(self, user: User) -> None:
        """Stores a new account.

        Raises:
            DuplicateId: The email address is taken.
        """
        await self._users.insert(user.document())

    async def find(self, user_id: str) -> User | None:
        """Returns the account ``user_id``."""
        document = await self._users.find_one({"_id": user_id})
        return None if document is None else User.read(document)

    async def find_by_email(self, email: str) -> User | None:
        """Returns the account with the email address ``email``, in lower case."""
        document = await self._users.find_one({"email": email})
        return None if document is None else User.read(document)

    async def with_stored_role(self, role: Role) -> list[str]:
        """Returns the identifiers of the accounts that have a role stored."""
        return [document["_id"] for document in await self._users.find({"role": role.value})]

    async def set_role(self, user_id: str, role: Role) -> bool:
        """Sets the account's role and increments its version; returns whether the account exists."""
        changes = {"$set": {"role": role.value}, "$inc": {"role_version": 1}}
        return await self._users.update({"_id": user_id}, changes)

    async def mark_step(self, user_id: str, step: Step, now: datetime) -> bool:
        """Records when the account first took a step; False if it already had, or if there is no account."""
        field = f"steps.{step.value}"
        return await self._users.update({"_id": user_id, field: {"$exists": False}}, {"$set": {field: now}})

    async def set_password_hash(self, user_id: str, *, old: str, new: str) -> bool:
        """Replaces the hash ``old``; returns whether it was still there."""
        return await self._users.update(
            {"_id": user_id, "password_hash": old}, {"$set": {"password_hash": new}}
        )


class AdminRepository:
    """The admins, in one document ``{count, members{user: true}}``."""

    def __init__(self, database: Database) -> None:
        self._admins = database.collection("admins")

    async def exists(self) -> bool:
        """Tells whether the list has been created."""
        return await self._admins.find_one(_ADMINS) is not None

    async def open(self, user_ids: list[str]) -> None:
        """Creates the list with ``user_ids``, unless there is one."""
        members = dict.fromkeys(user_ids, True)
        with suppress(DuplicateId):
            await self._admins.insert({**_ADMINS, "count": len(members), "members": members})

    async def lists(self, user_id: str) -> bool:
        """Tells whether the user is an admin."""
        return await self._admins.find_one({**_ADMINS, **_listed(user_id)}) is not None

    async def counted(self) -> tuple[int, int]:
        """Returns how many admins are counted, and how many are listed."""
        admins = await self._admins.find_one(_ADMINS) or {"count": 0, "members": {}}
        return admins["count"], len(admins["members"])

    async def add(self, user_id: str, *, by: str | None) -> bool:
        """Adds the user if ``by`` is an admin (None: the platform itself) and the user is not."""
        # A list of conditions, because both may be about the same user.
        conditions = [{f"members.{user_id}": {"$exists": False}}, *([] if by is None else [_listed(by)])]
        return await self._admins.update(
            {**_ADMINS, "$and": conditions},
            {"$set": {f"members.{user_id}": True}, "$inc": {"count": 1}},
        )

    async def remove(self, user_id: str, *, by: str) -> bool:
        """Removes the user, if both are admins and the user is not the last one."""
        return await self._admins.update(
            {**_ADMINS, **_listed(by), **_listed(user_id), "count": {"$gt": 1}},
            {"$unset": {f"members.{user_id}": ""}, "$inc": {"count": -1}},
        )


def _listed(user_id: str) -> dict[str, object]:
    return {f"members.{user_id}": {"$exists": True}}
