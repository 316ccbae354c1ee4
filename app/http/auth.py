"""Authentication: turns an access token into a `Principal` for handlers and telemetry."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from starlette.datastructures import Headers
from starlette.types import Scope

from app.core.clock import Clock
from app.core.errors import RoleRequired, TokenExpired, TokenInvalid, TokenRevoked, Unauthenticated
from app.core.security import Principal, Role, Tokens
from app.infra.active_users import ActiveUsers
from app.infra.sessions import Sessions
from otel import set_user

_READ: Final = "lms.token"
TOKEN_REFUSALS: Final = (Unauthenticated, TokenInvalid, TokenExpired, TokenRevoked)
"""Refusals of every operation that needs a signed-in user."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A token that was verified in this request, and what came of it."""

    token: str
    found: Principal | Unauthenticated


class Authenticator:
    """Identifies the sender of a request; part of the application's state.

    A request's token is verified once, whoever asks first: the rate limiter, which needs to know whose
    request it is, or the operation.
    """

    def __init__(
        self,
        tokens: Tokens,
        sessions: Sessions,
        active_users: ActiveUsers,
        clock: Clock,
        metrics_token: str,
        alerts_token: str,
    ) -> None:
        self._tokens = tokens
        self._sessions = sessions
        self._active_users = active_users
        self._clock = clock
        self._metrics_token = metrics_token.encode()
        self._alerts_token = alerts_token.encode()

    def caller(self, scope: Scope) -> Principal | None:
        """Returns the user whom the request's token names; None if it has none, or none that is valid now.

        Whether the token was revoked is not checked.
        """
        token = _bearer_token(scope)
        if token is None or self.is_metrics_token(token) or self.is_alerts_token(token):
            return None
        found = self._read(scope, token).found
        return found if isinstance(found, Principal) else None

    def _read(self, scope: Scope, token: str) -> _Read:
        known: _Read | None = scope.get(_READ)
        if known is not None and known.token == token:
            return known
        try:
            read = _Read(token, self._tokens.read_access(token, self._clock.now()))
        except Unauthenticated as refusal:
            read = _Read(token, refusal)
        scope[_READ] = read
        return read

    async def principal(self, scope: Scope, token: str) -> Principal:
        """Returns the user whom an access token names.

        Raises:
            Unauthenticated: The token was not issued here, has expired or was revoked.
        """
        principal = self._read(scope, token).found
        if not isinstance(principal, Principal):
            raise principal
        await self._sessions.check(principal)
        set_user(principal.id, principal.role.value)
        self._active_users.seen(principal.id)
        return principal

    def is_metrics_token(self, token: str) -> bool:
        """Tells whether ``token`` is the one that reads metrics."""
        return hmac.compare_digest(token.encode(), self._metrics_token)

    def is_alerts_token(self, token: str) -> bool:
        """Tells whether ``token`` is the one with which Alertmanager posts its notifications."""
        return hmac.compare_digest(token.encode(), self._alerts_token)


_bearer = HTTPBearer(
    auto_error=False, bearerFormat="JWT", description="`access_token` of POST /api/v1/auth/login."
)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


class RequestAuthentication:
    """The application's authenticator, for one request."""

    def __init__(self, request: Request) -> None:
        self._authenticator: Authenticator = request.app.state.authenticator
        self._scope = request.scope

    async def principal(self, token: str) -> Principal:
        """Returns the user whom an access token names, see `Authenticator.principal`."""
        return await self._authenticator.principal(self._scope, token)

    def is_metrics_token(self, token: str) -> bool:
        """Tells whether ``token`` is the one that reads metrics."""
        return self._authenticator.is_metrics_token(token)

    def is_alerts_token(self, token: str) -> bool:
        """Tells whether ``token`` is the one with which Alertmanager posts its notifications."""
        return self._authenticator.is_alerts_token(token)


Authentication = Annotated[RequestAuthentication, Depends(RequestAuthentication)]


def _bearer_token(scope: Scope) -> str | None:
    """Returns the token of the request, as `HTTPBearer` reads it."""
    scheme, token = get_authorization_scheme_param(Headers(scope=scope).get("Authorization"))
    return token if token and scheme.lower() == "bearer" else None


async def maybe_principal(credentials: Credentials, authentication: Authentication) -> Principal | None:
    """Returns the caller, or None without a token. A token that is sent must be valid."""
    return None if credentials is None else await authentication.principal(credentials.credentials)


MaybeSignedIn = Annotated[Principal | None, Depends(maybe_principal)]


async def signed_in(principal: MaybeSignedIn) -> Principal:
    """Returns the caller.

    Raises:
        Unauthenticated: The request has no token.
    """
    if principal is None:
        raise Unauthenticated
    return principal


SignedIn = Annotated[Principal, Depends(signed_in)]


def _with_role(*roles: Role) -> Callable[[SignedIn], Awaitable[Principal]]:
    async def principal_with_role(principal: SignedIn) -> Principal:
        if principal.role not in roles:
            raise RoleRequired(roles=" or ".join(roles))
        return principal

    return principal_with_role


Author = Annotated[Principal, Depends(_with_role(Role.INSTRUCTOR, Role.ADMIN))]
Admin = Annotated[Principal, Depends(_with_role(Role.ADMIN))]


async def _no_store(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


NO_STORE = Depends(_no_store)
"""For responses with tokens: no cache may store them (RFC 6749, 5.1)."""
