"""The list of admins: never empty, and changed only by current admins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from app.core.errors import RoleRequired
from app.core.security import Role
from app.lms.refusals import LastAdmin
from app.lms.users.repository import AdminRepository
from app.lms.users.schemas import User


class Admins:
    """Appoints and dismisses admins.

    One document lists them all, changed only by atomic conditional updates: if two admins dismiss each other,
    one remains, and what a dismissed admin had begun is refused.
    """

    def __init__(self, repository: AdminRepository) -> None:
        self._repository = repository

    async def prepare(self, user_ids: Callable[[], Awaitable[list[str]]]) -> None:
        """Creates the list, if there is none, with the accounts that ``user_ids`` finds."""
        if not await self._repository.exists():
            await self._repository.open(await user_ids())

    async def with_role(self, user: User) -> User:
        """Returns ``user`` with the role in force.

        ``user`` must be read first: a role that is revoked in between then has an outdated version.
        """
        if await self._repository.lists(user.id):
            return user.model_copy(update={"role": Role.ADMIN})
        # No longer listed, while the account still has the role: a dismissal is in progress.
        return user.model_copy(update={"role": Role.STUDENT}) if user.role is Role.ADMIN else user

    async def appoint(self, user_id: str, *, by: str | None) -> None:
        """Makes a user an admin, on behalf of an admin or (None) of the platform; repeating changes nothing.

        Raises:
            RoleRequired: ``by`` is no longer an admin.
        """
        if not await self._repository.add(user_id, by=by) and by is not None:
            await self._require(by)

    async def dismiss(self, user_id: str, *, by: str) -> None:
        """Removes a user from the admins; changes nothing if the user is not one.

        Raises:
            RoleRequired: ``by`` is no longer an admin.
            LastAdmin: There is no other.
        """
        if await self._repository.remove(user_id, by=by):
            return
        await self._require(by)
        if await self._repository.lists(user_id):
            raise LastAdmin(user_id=user_id)

    async def _require(self, user_id: str) -> None:
        if not await self._repository.lists(user_id):
            raise RoleRequired(roles=Role.ADMIN.value)
