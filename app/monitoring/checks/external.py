"""Other services: whether each answers in its own protocol."""

from __future__ import annotations

import asyncio
import smtplib
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Self
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

import otel
from app.core.settings import Settings
from app.monitoring.health_check import Check, Measurement, Status

SECTION: Final = "external-dependencies"
_MS: Final = 1000
_SERVER_ERROR: Final = 500
_CLIENT_ERROR: Final = 400
_PORTS: Final = {"http": 80, "https": 443}

Ask = Callable[[], Awaitable[str | None]]
"""Talks to a service; returns what is wrong, None if nothing is, and raises if it does not answer."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service at ``url``; ``login`` is its user's name and password.

    Of an intake, which takes POST only, every answer below 500 shows that it runs.
    """

    name: str
    url: str
    login: tuple[str, str] | None = None
    is_intake: bool = False


class ServiceProbe:
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


class Services:
    """The checks of the platform's own services and of those in LMS_HEALTH_EXTERNAL.

    The Collector and the error tracker are known from the telemetry's settings, the stores from the
    platform's. A name in LMS_HEALTH_EXTERNAL that one of them has is left to it.
    """

    def __init__(self, settings: Settings, telemetry: otel.Telemetry | None) -> None:
        own = [*_of_telemetry(telemetry), *_stores(settings)]
        names = {each.name for each in own}
        listed = [Service(each.name, each.url) for each in settings.health_external]
        self._services = [*own, *(each for each in listed if each.name not in names)]
        self._settings = settings
        self._client = httpx.AsyncClient(
            trust_env=False,
            timeout=settings.health_limit_seconds,
            # Loading the certificates takes 45 ms, and nothing needs them for plain HTTP.
            verify=any(each.url.startswith("https:") for each in self._services),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    def checks(self) -> Iterator[Check]:
        """Yields a check for each service."""
        for service in self._services:
            parts = urlsplit(service.url)
            where = f"{parts.hostname}:{parts.port or _PORTS.get(parts.scheme)}"
            advice = f"See whether {service.name} runs at {where} and can be reached from here."
            yield Check(
                service.name,
                ServiceProbe(self._ask(service), advice),
                advice,
                interval=self._settings.health_slow_seconds,
                limit=self._settings.health_limit_seconds,
                section=SECTION,
            )

    def _ask(self, service: Service) -> Ask:
        parts = urlsplit(service.url)
        host, port = parts.hostname or "", parts.port or 0
        if parts.scheme == "tcp":
            return partial(over_tcp, host, port)
        if parts.scheme == "smtp":
            # The thread gives up by itself, before the check does.
            return partial(over_smtp, host, port, self._settings.health_limit_seconds / 2)
        return partial(over_http, self._client, service)


async def over_http(client: httpx.AsyncClient, service: Service) -> str | None:
    """Sends one GET and reads no body; redirects are answers and not followed."""
    async with client.stream("GET", service.url, auth=service.login) as answer:
        status = answer.status_code
    if status < (_SERVER_ERROR if service.is_intake else _CLIENT_ERROR):
        return None
    return f"It answered {status}."


async def over_tcp(host: str, port: int) -> None:
    """Opens a connection and closes it."""
    _, writer = await asyncio.open_connection(host, port)
    writer.close()


async def over_smtp(host: str, port: int, seconds: float) -> str | None:
    """Greets a mail server and leaves (RFC 5321: its greeting, EHLO, QUIT); no mail is sent."""
    return await asyncio.to_thread(_greet, host, port, seconds)


def _greet(host: str, port: int, seconds: float) -> str | None:
    with smtplib.SMTP(host, port, timeout=seconds) as server:
        code, _ = server.ehlo()
    return None if code < _CLIENT_ERROR else f"It answered EHLO with {code}."


def _of_telemetry(telemetry: otel.Telemetry | None) -> Iterator[Service]:
    if telemetry is None:
        return
    config = telemetry.config
    if config.exporter("traces") == "otlp":
        yield Service("collector", config.otlp["traces"].endpoint, is_intake=True)
    if config.sentry_dsn:
        dsn = urlsplit(str(config.sentry_dsn))
        host = f"[{dsn.hostname}]" if ":" in (dsn.hostname or "") else dsn.hostname
        port = f":{dsn.port}" if dsn.port else ""
        yield Service("sentry", f"{dsn.scheme}://{host}{port}/", is_intake=True)


def _stores(settings: Settings) -> Iterator[Service]:
    def login(password: SecretStr | None) -> tuple[str, str] | None:
        return None if password is None else (settings.stores_user, password.get_secret_value())

    shared, logs = login(settings.stores_password), login(settings.victorialogs_password)
    known = (
        ("prometheus", settings.prometheus_url, "/-/ready", shared),
        ("alertmanager", settings.alertmanager_url, "/-/ready", shared),
        ("log_store", settings.victorialogs_url, "/health", logs),
        ("log_store", settings.loki_url, "/ready", None),
        ("trace_store", settings.jaeger_url, "/api/services", shared),
        ("trace_store", settings.tempo_url, "/ready", shared),
    )
    for name, address, path, known_login in known:
        if address:
            yield Service(name, f"{address}{path}", known_login)
