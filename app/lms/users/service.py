from __future__ import annotations

import asyncio
from datetime import datetime

from app.core.clock import Clock
from app.core.errors import CredentialsInvalid, DatabaseUnavailable, SessionsUnavailable, TokenRevoked
from app.core.identifiers import new_id
from app.core.passwords import Passwords
from app.core.security import Principal, Role, Tokens
from app.core.telemetry import LOGINS, REGISTRATIONS
from app.infra.mongo import DuplicateId
from app.infra.sessions import Sessions
from app.lms.refusals import EmailTaken, UserNotFound
from app.lms.users import funnel
from app.lms.users.admins import Admins
from app.lms.users.repository import UserRepository
from app.lms.users.schemas import Credentials, Registration, Step, TokenPair, User
from otel import breadcrumb, get_logger, traced

_log = get_logger(service="users")


class UserService:
    """Accounts and sessions: who may sign in, and for how long."""

    def __init__(
        self,
        repository: UserRepository,
        admins: Admins,
        passwords: Passwords,
        tokens: Tokens,
        sessions: Sessions,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._admins = admins
        self._passwords = passwords
        self._tokens = tokens
        self._sessions = sessions
        self._clock = clock

    @traced("users.register")
    async def register(
        self, registration: Registration, gone: asyncio.Event, role: Role = Role.STUDENT
    ) -> User:
        """Creates an account and returns it; starts no work once the client is ``gone``.

        Raises:
            EmailTaken: Another account has the email address.
            PasswordsBusy, ClientGone: See `Passwords.turn`.
        """
        password = registration.password.get_secret_value()
        async with self._passwords.turn(gone) as hashing:
            password_hash = await hashing.hash(password)
        user = User(
            id=new_id("usr"),
            email=registration.email,
            name=registration.name,
            role=role,
            password_hash=password_hash,
            created_at=self._clock.now(),
        )
        try:
            await self._repository.insert(user)
        except DuplicateId as error:
            REGISTRATIONS.add(1, {"outcome": "email_taken"})
            raise EmailTaken from error
        REGISTRATIONS.add(1, {"outcome": "created"})
        if role is Role.STUDENT:
            funnel.took("registered", user.created_at, user.created_at)
        _log.info("registered", user_id=user.id, role=user.role.value)
        return user

    async def prepare(self, admin: Registration) -> None:
        """Makes sure that there is an admin; changes no existing account. Counting of cohorts begins.

        If ``admin`` has no account yet, creates it and adds it to the admins: the way to regain access.
        """
        funnel.follow(self._clock.now())
        await self._admins.prepare(lambda: self._repository.with_stored_role(Role.ADMIN))
        account = await self._repository.find_by_email(admin.email)
        if account is None:
            account = await self._first_of(admin)
        if account is None:
            return
        if account.role is not Role.ADMIN:
            _log.warning("admin_setting_unused", reason="the account of LMS_ADMIN_EMAIL is no admin")
            return
        # Not only for a new account: a process that died here left an account without the role.
        await self._admins.appoint(account.id, by=None)

    async def _first_of(self, admin: Registration) -> User | None:
        try:
            return await self.register(admin, asyncio.Event(), Role.ADMIN)
        except EmailTaken:
            _log.info("admin_exists", reason="another process created it first")
            return None

    @traced("users.login")
    async def login(self, credentials: Credentials, gone: asyncio.Event) -> TokenPair:
        """Starts a session and returns its tokens; without a session store, an access token alone.

        Starts no work once the client is ``gone``.

        Raises:
            CredentialsInvalid: No account has this email address and password; both take the same time.
            PasswordsBusy, ClientGone: See `Passwords.turn`.
        """
        began = self._clock.now()
        password = credentials.password.get_secret_value()
        async with self._passwords.turn(gone) as hashing:
            user = await self._repository.find_by_email(credentials.email)
            right, new_hash = await hashing.verify(password, user.password_hash if user else None)
        if user is None or not right:
            LOGINS.add(1, {"outcome": "wrong_password" if user else "unknown_user"})
            _log.warning("login_refused", user_id=user.id if user else None)
            raise CredentialsInvalid
        if new_hash is not None:
            await self._repository.set_password_hash(user.id, old=user.password_hash, new=new_hash)
        user = await self._admins.with_role(user)
        LOGINS.add(1, {"outcome": "success"})
        breadcrumb("lms.login", role=user.role.value)
        _log.info("login", user_id=user.id, role=user.role.value)
        return await self._start_session(user, began)

    async def _start_session(self, user: User, began: datetime) -> TokenPair:
        family, token_id = new_id("fam"), new_id("ref")
        try:
            ended = await self._sessions.start(user.id, family, token_id)
        except SessionsUnavailable:
            _log.warning("session_not_kept", user_id=user.id)
            return self._pair(user, family, None, began)
        if ended:
            _log.info("oldest_sessions_ended", user_id=user.id, ended=ended)
        return self._pair(user, family, token_id, began)

    @traced("users.refresh")
    async def refresh(self, refresh_token: str) -> TokenPair:
        """Exchanges a refresh token for new tokens, with the role that the user has now.

        Raises:
            TokenExpired: It was not used in time.
            TokenInvalid: It is not ours.
            RefreshReused: It was exchanged before; the session has been ended.
            TokenRevoked: The session has ended, or its user no longer exists.
            SessionsUnavailable: The session store does not answer; the token stays valid.
        """
        began = self._clock.now()
        claims = self._tokens.read_refresh(refresh_token, began)
        user = await self._repository.find(claims.user_id)
        if user is None:
            raise TokenRevoked
        user = await self._admins.with_role(user)
        token_id = new_id("ref")
        await self._sessions.rotate(claims, token_id)
        return self._pair(user, claims.family, token_id, began)

    async def logout(self, principal: Principal) -> None:
        """Ends the session that ``principal`` uses.

        Raises:
            SessionsUnavailable: The session store does not answer; the session may still be active.
        """
        await self._sessions.end(principal.id, principal.family)
        _log.info("logout", user_id=principal.id)

    async def get(self, user_id: str) -> User:
        """Returns the account ``user_id``.

        Raises:
            UserNotFound: There is none.
        """
        user = await self._repository.find(user_id)
        if user is None:
            raise UserNotFound(user_id=user_id)
        return await self._admins.with_role(user)

    async def reached(self, user_id: str, step: Step) -> None:
        """Counts the first time that a learner takes a step; never fails the learner's request."""
        now = self._clock.now()
        try:
            is_first = await self._repository.mark_step(user_id, step, now)
            user = await self._repository.find(user_id) if is_first else None
        except DatabaseUnavailable:
            _log.warning("step_not_counted", step=step.value, user_id=user_id)
            return
        if user:
            funnel.took(step.value, user.created_at, now)

    @traced("users.change_role")
    async def change_role(self, admin: Principal, user_id: str, role: Role) -> User:
        """Gives a user another role and returns the account; access tokens with the old role end at once.

        Every step is idempotent: what a failure leaves undone, the next request completes.

        Raises:
            UserNotFound: There is none.
            RoleRequired: ``admin`` is no longer an admin.
            LastAdmin: The user is the only admin.
            SessionsUnavailable: The role is changed, but old access tokens may stay valid until they expire.
        """
        if await self._repository.find(user_id) is None:
            raise UserNotFound(user_id=user_id)
        if role is Role.ADMIN:
            await self._admins.appoint(user_id, by=admin.id)
        else:
            await self._admins.dismiss(user_id, by=admin.id)
        await self._repository.set_role(user_id, role)
        changed = await self.get(user_id)
        await self._sessions.revoke_roles(user_id, below=changed.role_version)
        _log.info("role_changed", user_id=user_id, role=role.value)
        return changed

    def _pair(self, user: User, family: str, token_id: str | None, began: datetime) -> TokenPair:
        """Returns tokens whose lifetime starts before the role was read, so its revocation outlives them."""
        principal = Principal(id=user.id, role=user.role, role_version=user.role_version, family=family)
        left = began + self._tokens.access_ttl - self._clock.now()
        return TokenPair(
            access_token=self._tokens.access(principal, began),
            expires_in=max(0, int(left.total_seconds())),
            refresh_token=token_id and self._tokens.refresh(user.id, family, token_id, began),
        )
