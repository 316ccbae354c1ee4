"""Records what the caller of an operation did, with who they are and where they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Final

from fastapi import Depends, Request

from app.core.errors import LmsError
from app.http.auth import Authentication, Credentials
from app.http.client_address import ClientAddress
from app.infra.audit import AuditLog

NOBODY: Final = "anonymous"
METRICS_TOKEN: Final = "metrics-token"  # noqa: S105 - who holds it, not the token


class CallersAudit:
    """The audit log on behalf of one caller."""

    def __init__(self, log: AuditLog, actor: str, address: str) -> None:
        self._log = log
        self._actor = actor
        self._address = address

    async def record(self, action: str, target: str, **details: str) -> None:
        """Records that the caller did ``action`` to ``target``; call it once that is done."""
        await self._log.record(action, self._actor, self._address, target, details)

    @asynccontextmanager
    async def attempt(self, action: str, target: str, **details: str) -> AsyncIterator[None]:
        """Records what the block does, with its ``outcome``: `done`, a refusal's code, or `failed`.

        For an action of several steps, of which some may be done when a later one fails.
        """
        outcome = "failed"
        try:
            yield
            outcome = "done"
        except LmsError as refusal:
            outcome = refusal.code
            raise
        finally:
            await self.record(action, target, outcome=outcome, **details)


async def _actor(credentials: Credentials, authentication: Authentication) -> str:
    if credentials is None:
        return NOBODY
    if authentication.is_metrics_token(credentials.credentials):
        return METRICS_TOKEN
    return (await authentication.principal(credentials.credentials)).id


async def _audit(
    request: Request, actor: Annotated[str, Depends(_actor)], address: ClientAddress
) -> CallersAudit:
    log: AuditLog = request.app.state.resources.audit
    return CallersAudit(log, actor, address)


Audit = Annotated[CallersAudit, Depends(_audit)]
"""For a handler that changes something on behalf of an operator: ``await audit.record(action, target)``."""
