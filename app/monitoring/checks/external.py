"""Other services: whether each answers in its own protocol."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, Self
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

import otel
from app.core.settings import Settings
from app.core.telemetry import CERTIFICATE_EXPIRY
from app.monitoring.health_check import Check, Measurement, Status
from app.monitoring.health_thread import OwnThread

SECTION: Final = "external-dependencies"
_MS: Final = 1000
_SERVER_ERROR: Final = 500
_CLIENT_ERROR: Final = 400
_PORTS: Final = {"http": 80, "https": 443}
_LONGEST_LINE: Final = 4096  # RFC 5321, 4.5.3.1.5: 512
_MOST_LINES: Final = 100


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a service that answered: a sentence, and its kind, as in ``error.type``."""

    output: str
    kind: str


Ask = Callable[[], Awaitable[Wrong | None]]
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
    """Asks the service at ``host``; the whole exchange is the response time."""

    def __init__(self, host: str, ask: Ask, advice: str) -> None:
        self._host = host
        self._ask = ask
        self._advice = advice
        self._resolver = OwnThread("resolver")

    async def __call__(self) -> Sequence[Measurement]:
        """Measures how long it took; raises whatever the connection does."""
        started = time.perf_counter()
        if not _is_address(self._host):
            # The event loop resolves names in the thread pool of everybody, which a silent name server fills.
            await self._resolver.run(partial(socket.getaddrinfo, self._host, None))
        wrong = await self._ask()
        elapsed = (time.perf_counter() - started) * _MS
        if wrong is None:
            return [Measurement("responseTime", elapsed, "ms")]
        return [
            Measurement("responseTime", elapsed, "ms", Status.FAIL, wrong.output, self._advice, wrong.kind)
        ]


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
                ServiceProbe(parts.hostname or "", self._ask(service), advice),
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
            return partial(over_smtp, host, port)
        return partial(over_http, self._client, service)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def over_http(client: httpx.AsyncClient, service: Service) -> Wrong | None:
    """Sends one GET and reads no body; redirects are answers and not followed.

    Records when the service's certificate expires.
    """
    async with client.stream("GET", service.url, auth=service.login) as answer:
        status = answer.status_code
        tls = answer.extensions["network_stream"].get_extra_info("ssl_object")
        if tls is not None:
            expiry = ssl.cert_time_to_seconds(tls.getpeercert()["notAfter"])
            CERTIFICATE_EXPIRY.set(expiry, {"check": service.name})
    if status < (_SERVER_ERROR if service.is_intake else _CLIENT_ERROR):
        return None
    return Wrong(f"It answered {status}.", str(status))


async def over_tcp(host: str, port: int) -> None:
    """Opens a connection and closes it."""
    _, writer = await asyncio.open_connection(host, port)
    writer.close()


async def over_smtp(host: str, port: int) -> Wrong | None:
    """Greets a mail server and leaves (RFC 5321: its greeting, EHLO, QUIT); no mail is sent."""
    reader, writer = await asyncio.open_connection(host, port, limit=_LONGEST_LINE)
    try:
        if (code := await _reply(reader)) != "220":
            return _not_mail("the connection", code)
        writer.write(f"EHLO {_literal(writer.get_extra_info('sockname')[0])}\r\n".encode())
        if (code := await _reply(reader)) != "250":
            return _not_mail("EHLO", code)
        writer.write(b"QUIT\r\n")
        with suppress(ConnectionError):  # it may be gone before it says so
            if (code := await _reply(reader)) != "221":
                return _not_mail("QUIT", code)
    finally:
        writer.close()
    return None


async def _reply(reader: asyncio.StreamReader) -> str | None:
    """Returns the code of a reply (RFC 5321, 4.2); None if it is none.

    Raises:
        ConnectionResetError: The connection ended.
    """
    for _ in range(_MOST_LINES):
        try:
            line = await reader.readuntil()
        except asyncio.IncompleteReadError:
            raise ConnectionResetError from None
        except asyncio.LimitOverrunError:
            return None
        code, more = line[:3], line[3:4]
        if not code.isdigit() or more not in {b" ", b"-", b"\r", b"\n"}:
            return None
        if more != b"-":
            return code.decode()
    return None


def _not_mail(what: str, code: str | None) -> Wrong:
    if code is None:
        return Wrong(f"It answered {what} with something that is no SMTP.", "ProtocolError")
    return Wrong(f"It answered {what} with {code}.", code)


def _literal(address: str) -> str:
    """Returns an address as a client without a name sends it (RFC 5321, 4.1.3)."""
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


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
