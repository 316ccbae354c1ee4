"""Who is an admin: at least one account, and only a current admin may change it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from app.core.errors import RoleRequired
from app.core.security import Role
from app.lms.refusals import LastAdmin
from app.lms.users.repository import AdminRepository
from app.lms.users.schemas import User


class Admins:
    """Appoints and dismisses admins.

    One document lists them all, changed by one atomic conditional update: of two admins who dismiss each
    other one remains, and what an admin began before being dismissed is refused after it.
    """

    def __init__(self, repository: AdminRepository) -> None:
        self._repository = repository

    async def prepare(self, user_ids: Callable[[], Awaitable[list[str]]]) -> None:
        """Begins the list, if there is none, with the accounts that ``user_ids`` finds."""
        if not await self._repository.exists():
            await self._repository.open(await user_ids())

    async def with_role(self, user: User) -> User:
        """Returns ``user`` with the role that holds.

        ``user`` must have been read before: then a role that is taken away meanwhile is an older version's.
        """
        if await self._repository.lists(user.id):
            return user.model_copy(update={"role": Role.ADMIN})
        # Not listed any more, while the account still says so: the rest of a dismissal is under way.
        return user.model_copy(update={"role": Role.STUDENT}) if user.role is Role.ADMIN else user

    async def appoint(self, user_id: str, *, by: str | None) -> None:
        """Makes a user an admin, asked by an admin or (None) by the machine; again changes nothing.

        Raises:
            RoleRequired: ``by`` is no admin any more.
        """
        if not await self._repository.add(user_id, by=by) and by is not None:
            await self._require(by)

    async def dismiss(self, user_id: str, *, by: str) -> None:
        """Makes a user an admin no more; changes nothing for those who are none.

        Raises:
            RoleRequired: ``by`` is no admin any more.
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
