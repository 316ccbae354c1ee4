from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, status

from app.core.errors import (
    CredentialsInvalid,
    PasswordsBusy,
    RefreshReused,
    RoleRequired,
    SessionsUnavailable,
    TokenExpired,
    TokenInvalid,
    TokenRevoked,
)
from app.http.audit import Audit
from app.http.auth import NO_STORE, TOKEN_REFUSALS, Admin, SignedIn
from app.http.presence import ClientPresence
from app.http.problems import refusals
from app.http.rate_limit import AccountLimit
from app.lms.refusals import EmailTaken, LastAdmin, UserNotFound
from app.lms.services import Lms
from app.lms.users.schemas import Credentials, Refresh, Registration, RoleChange, TokenPair, UserId, UserOut

router = APIRouter(tags=["users"])


@router.post("/users", status_code=status.HTTP_201_CREATED, responses=refusals(EmailTaken, PasswordsBusy))
async def register(
    registration: Registration, gone: ClientPresence, lms: Lms, account: AccountLimit
) -> UserOut:
    """Creates an account with the role student."""
    await account.spend(registration.email)
    return UserOut.of(await lms.users.register(registration, gone))


@router.post("/auth/login", dependencies=[NO_STORE], responses=refusals(CredentialsInvalid, PasswordsBusy))
async def login(credentials: Credentials, gone: ClientPresence, lms: Lms, account: AccountLimit) -> TokenPair:
    """Signs in and starts a session."""
    await account.spend(credentials.email)
    return await lms.users.login(credentials, gone)


@router.post(
    "/auth/refresh",
    dependencies=[NO_STORE],
    responses=refusals(TokenInvalid, TokenExpired, TokenRevoked, RefreshReused, SessionsUnavailable),
)
async def refresh(request: Refresh, lms: Lms) -> TokenPair:
    """Exchanges a refresh token for new tokens; each works once, a second use ends the session."""
    return await lms.users.refresh(request.refresh_token)


@router.post(
    "/auth/logout",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=refusals(*TOKEN_REFUSALS, SessionsUnavailable),
)
async def logout(principal: SignedIn, lms: Lms) -> None:
    """Ends the session that the access token belongs to."""
    await lms.users.logout(principal)


@router.get("/users/me", responses=refusals(*TOKEN_REFUSALS, UserNotFound))
async def me(principal: SignedIn, lms: Lms) -> UserOut:
    """Returns the caller's account."""
    return UserOut.of(await lms.users.get(principal.id))


@router.patch(
    "/users/{user_id}/role",
    responses=refusals(*TOKEN_REFUSALS, RoleRequired, UserNotFound, LastAdmin, SessionsUnavailable),
)
async def change_role(
    user_id: Annotated[UserId, Path()], change: RoleChange, admin: Admin, lms: Lms, audit: Audit
) -> UserOut:
    """Gives a user another role and revokes the user's access tokens. The last admin keeps the role."""
    async with audit.attempt("role_change", user_id, role=change.role):
        return UserOut.of(await lms.users.change_role(admin, user_id, change.role))
