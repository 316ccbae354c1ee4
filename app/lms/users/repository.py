from __future__ import annotations

from datetime import datetime

from app.core.security import Role
from app.infra.mongo import Database
from app.lms.users.schemas import Step, User


class UserRepository:
    """Accounts, one document each; no two share a mail address."""

    def __init__(self, database: Database) -> None:
        self._users = database.collection("users")

    async def prepare(self) -> None:
        """Makes sure that the database keeps mail addresses unique."""
        await self._users.require_unique("email")

    async def insert(self, user: User) -> None:
        """Stores a new account.

        Raises:
            DuplicateId: The mail address is taken.
        """
        await self._users.insert(user.document())

    async def find(self, user_id: str) -> User | None:
        """Returns the account ``user_id``."""
        document = await self._users.find_one({"_id": user_id})
        return None if document is None else User.read(document)

    async def find_by_email(self, email: str) -> User | None:
        """Returns the account with the mail address ``email``, in lower case."""
        document = await self._users.find_one({"email": email})
        return None if document is None else User.read(document)

    async def set_role(self, user_id: str, role: Role) -> bool:
        """Gives the account another role; tells whether there is one."""
        return await self._users.update({"_id": user_id}, {"$set": {"role": role.value}})

    async def mark_step(self, user_id: str, step: Step, now: datetime) -> bool:
        """Notes when the account first took a step; False if it had, or if there is none."""
        field = f"steps.{step.value}"
        return await self._users.update({"_id": user_id, field: {"$exists": False}}, {"$set": {field: now}})

    async def set_password_hash(self, user_id: str, *, old: str, new: str) -> bool:
        """Replaces the hash ``old``; tells whether it was still there."""
        return await self._users.update(
            {"_id": user_id, "password_hash": old}, {"$set": {"password_hash": new}}
        )
