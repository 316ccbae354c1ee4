"""Other services: whether each answers in its own protocol."""

from __future__ import annotations

import asyncio
import smtplib
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import httpx

from app.core.settings import Settings
from app.core.settings.health import Dependency
from app.monitoring.health_check import Check, Measurement, Status

SECTION: Final = "external-dependencies"
_MS: Final = 1000
_SERVER_ERROR: Final = 500
_CLIENT_ERROR: Final = 400
_PORTS: Final = {"http": 80, "https": 443}

Ask = Callable[[], Awaitable[str | None]]
"""Talks to a service; returns what is wrong, None if nothing is, and raises if it does not answer."""


class ExternalProbe:
    """Asks a service; the whole exchange is the response time."""

    def __init__(self, ask: Ask, advice: str) -> None:
        self._ask = ask
        self._advice = advice

    async def __call__(self) -> Sequence[Measurement]:
        """Measures how long it took; raises whatever the connection does."""
        started = time.perf_counter()
        wrong = await self._ask()
        elapsed = (time.perf_counter() - started) * _MS
        if wrong is None:
            return [Measurement("responseTime", elapsed, "ms")]
        return [Measurement("responseTime", elapsed, "ms", Status.FAIL, wrong, self._advice)]


async def over_http(client: httpx.AsyncClient, url: str, *, is_page: bool) -> str | None:
    """Sends one GET and reads no body. A page must not answer 4xx; of an intake, 404 or 405 is an answer, too."""
    async with client.stream("GET", url) as answer:
        status = answer.status_code
    if status < (_CLIENT_ERROR if is_page else _SERVER_ERROR):
        return None
    return f"It answered {status}."


async def over_tcp(host: str, port: int) -> None:
    """Opens a connection and closes it."""
    _, writer = await asyncio.open_connection(host, port)
    writer.close()


async def over_smtp(host: str, port: int, seconds: float) -> str | None:
    """Greets a mail server and leaves: its greeting, EHLO, QUIT (RFC 5321). No mail is sent."""
    return await asyncio.to_thread(_greet, host, port, seconds)


def _greet(host: str, port: int, seconds: float) -> str | None:
    with smtplib.SMTP(host, port, timeout=seconds) as server:
        code, _ = server.ehlo()
    return None if code < _CLIENT_ERROR else f"It answered EHLO with {code}."


def checks(settings: Settings, client: httpx.AsyncClient, known: Sequence[Dependency]) -> list[Check]:
    """Returns a check for each dependency: the platform's own (``known``), then those of the settings.

    A name that the platform uses itself is the platform's.
    """
    intakes = {each.name for each in known}
    listed = [each for each in settings.health_external if each.name not in intakes]
    return [
        *(_check(settings, client, each, is_page=False) for each in known),
        *(_check(settings, client, each, is_page=True) for each in listed),
    ]


def _check(
    settings: Settings, client: httpx.AsyncClient, dependency: Dependency, *, is_page: bool
) -> Check:
    name, parts = dependency.name, urlsplit(dependency.url)
    host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    ask: Ask
    if parts.scheme == "tcp":
        ask = partial(over_tcp, host, port)
    elif parts.scheme == "smtp":
        # The thread gives up by itself, before the check does.
        ask = partial(over_smtp, host, port, settings.health_limit_seconds / 2)
    else:
        ask = partial(over_http, client, dependency.url, is_page=is_page)
    advice = f"Ask whoever runs {name} ({host}:{port}) whether it is up, or see why this machine cannot reach it."
    return Check(
        name,
        ExternalProbe(ask, advice),
        advice,
        interval=settings.health_slow_seconds,
        limit=settings.health_limit_seconds,
        kind="component",
        section=SECTION,
    )
