"""Who may see the platform's state: admins, and whoever has the metrics token."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Depends

from app.core.errors import LmsError, RoleRequired, TokenInvalid, Unauthenticated
from app.core.security import Principal
from app.http.auth import Authentication, Credentials
from app.http.problems import refusals


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
    return {
        "dependencies": [Depends(require_operator)],
        "responses": refusals(Unauthenticated, TokenInvalid, RoleRequired, *kinds),
    }


OPERATORS: Final[dict[str, Any]] = operators_or()
