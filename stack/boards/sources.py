"""The stores as panels ask them: one time limit, few queries at once to each, since when one is away."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from app.infra.stores.client import Login, StoreClient, StoreUnavailable
from stack.boards.alerts import Alerts
from stack.boards.dashboards import Source
from stack.boards.logs import LogStore, Loki, VictoriaLogs
from stack.boards.metrics import Metrics
from stack.boards.settings import Settings, secret
from stack.boards.traces import Jaeger, Tempo, TraceStore

AT_ONCE: Final = 8
"""More queries than this to one store wait: a board asks some thirty at a time, and rules are evaluated
beside them. A slow store keeps nobody from the others."""

_T = TypeVar("_T")


class AwayError(Exception):
    """A store does not answer; the message says which, since when and why."""


@dataclass(slots=True)
class Sources:
    """The stores by what they have."""

    metrics: Metrics
    logs: LogStore
    traces: TraceStore
    alerts: Alerts
    names: dict[Source, str]
    _places: defaultdict[Source, asyncio.Semaphore] = field(
        default_factory=lambda: defaultdict(lambda: asyncio.Semaphore(AT_ONCE))
    )
    _away: dict[Source, float] = field(default_factory=dict)

    async def ask(self, source: Source, question: Awaitable[_T]) -> _T:
        """Returns the answer of a store, once there is a place.

        Raises:
            AwayError: it does not answer, or refuses the question.
        """
        try:
            async with self._places[source]:
                answer = await question
        except StoreUnavailable as error:
            name = self.names[source]
            refused = error.answered is not None and error.answered < 500  # noqa: PLR2004 - RFC 9110, 15.5
            if refused or error.is_too_large:
                self._away.pop(source, None)
                raise AwayError(f"{name} refused the query: it {error.reason}") from None
            if error.is_late:  # it may answer others: since when it is away, is not known
                raise AwayError(f"{name} {error.reason}: ask for less, or try again.") from None
            since = self._away.setdefault(source, time.time())
            clock = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(since))
            raise AwayError(f"{name} is away, noticed at {clock}: it {error.reason}") from None
        self._away.pop(source, None)
        return answer


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Sources]:
    """Opens the connections to the stores; none is asked."""
    shared, of_logs = _secret(settings.stores_password_file), _secret(settings.victorialogs_password_file)
    async with AsyncExitStack() as stack:

        def client(source: str, address: str, password: str | None) -> StoreClient:
            login = Login(settings.stores_user, password) if password else None
            made = StoreClient(source, address, seconds=settings.seconds, login=login)
            stack.push_async_callback(made.close)
            return made

        yield Sources(
            metrics=Metrics(client("prometheus", settings.prometheus_url, shared)),
            logs=VictoriaLogs(client("victorialogs", settings.victorialogs_url, of_logs))
            if settings.victorialogs_url
            else Loki(client("loki", settings.loki_url or "", None)),
            traces=Jaeger(client("jaeger", settings.jaeger_url, shared))
            if settings.jaeger_url
            else Tempo(client("tempo", settings.tempo_url or "", shared)),
            alerts=Alerts(client("alertmanager", settings.alertmanager_url, shared)),
            names={
                "metrics": "Prometheus",
                "logs": "VictoriaLogs" if settings.victorialogs_url else "Loki",
                "traces": "Jaeger" if settings.jaeger_url else "Tempo",
                "alerts": "Alertmanager",
            },
        )


def _secret(path: Path | None) -> str | None:
    return secret(path) if path else None
