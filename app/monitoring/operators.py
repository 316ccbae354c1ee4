"""Who may see the platform's state: admins, and whoever has the metrics token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from fastapi import Depends

from app.core.errors import Invalid, LmsError, RoleRequired, Unauthenticated
from app.core.security import Principal
from app.http.auth import TOKEN_REFUSALS, Authentication, Credentials
from app.http.problems import refusals
from app.monitoring.parameters import require_known_parameters


async def operator(credentials: Credentials, authentication: Authentication) -> bool:
    """Tells whether the caller is an operator: has the metrics token, or is an admin."""
    if credentials is None:
        return False
    if authentication.is_metrics_token(credentials.credentials):
        return True
    return (await authentication.principal(credentials.credentials)).is_admin


Operator = Annotated[bool, Depends(operator)]


async def require_operator(credentials: Credentials, *, is_operator: Operator) -> None:
    """Requires an operator.

    Raises:
        Unauthenticated: The request has no token.
        RoleRequired: The caller is not an operator.
    """
    if credentials is None:
        raise Unauthenticated
    if not is_operator:
        raise RoleRequired(roles="admin")


async def admin_by_name(credentials: Credentials, authentication: Authentication) -> Principal:
    """Returns the admin who calls. The metrics token names nobody, so it may read but change nothing.

    Raises:
        Unauthenticated: The request has no valid token.
        RoleRequired: The caller is no admin, or has only the metrics token.
    """
    if credentials is None:
        raise Unauthenticated
    if authentication.is_metrics_token(credentials.credentials):
        raise RoleRequired(roles="admin")
    principal = await authentication.principal(credentials.credentials)
    if not principal.is_admin:
        raise RoleRequired(roles="admin")
    return principal


NamedAdmin = Annotated[Principal, Depends(admin_by_name)]


def operators_or(*kinds: type[LmsError]) -> dict[str, Any]:
    """Returns a route's options: it is for operators, and may refuse their requests in these ways, too."""
    return _options(require_operator, kinds)


def admins_or(*kinds: type[LmsError]) -> dict[str, Any]:
    """Returns a route's options: as `operators_or`, but the metrics token may not call it."""
    return _options(admin_by_name, kinds)


def _options(guard: Callable[..., Awaitable[object]], kinds: tuple[type[LmsError], ...]) -> dict[str, Any]:
    # Who may not call an operation does not learn its parameters, so these are checked second.
    return {
        "dependencies": [Depends(guard), Depends(require_known_parameters)],
        "responses": refusals(*TOKEN_REFUSALS, RoleRequired, Invalid, *kinds),
    }


OPERATORS: Final[dict[str, Any]] = operators_or()
