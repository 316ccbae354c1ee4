"""Other services: each protocol on a real server, which then dies; and the addresses that are refused."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
from cryptography import x509

import otel
from app.core.settings import Settings
from app.monitoring.checks.external import Service, Services, over_http
from app.monitoring.health_check import Check, Status
from otel.testing import Captured
from tests.app.conftest import make_settings
from tests.app.monitoring.measured import server
from tests.collector_config.certificates import certificates
from tests.programs import free_port

EHLO, QUIT = b"250-mail.test\r\n250 SIZE 1000\r\n", b"221 Bye\r\n"


def settings_with(listed: str, **changes: object) -> Settings:
    return make_settings("mongodb://x/y", "redis://x", health_external=listed, **changes)


@asynccontextmanager
async def answering(
    *lines: bytes, greeting: bytes = b"", tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """A server that greets, and sends the next line whenever something arrives."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        for line in lines:
            if not await reader.read(4096):
                break
            writer.write(line)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls) as server:
        yield server.sockets[0].getsockname()[1]


def http(status: int) -> bytes:
    return b"HTTP/1.1 %d Said\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status


async def status_of(services: Services, name: str) -> tuple[Status, str | None]:
    [check] = [each for each in services.checks() if each.name == name]
    [measured] = await check.probe()
    return measured.status, measured.output


@pytest.mark.parametrize(
    ("said", "status", "output"),
    [
        (200, Status.PASS, None),
        (204, Status.PASS, None),
        (302, Status.PASS, None),
        (404, Status.FAIL, "It answered 404."),
        (503, Status.FAIL, "It answered 503."),
    ],
)
async def test_a_page_is_judged_by_its_status(said: int, status: Status, output: str | None) -> None:
    async with (
        answering(http(said)) as port,
        Services(settings_with(f"page=http://127.0.0.1:{port}/up"), None) as services,
    ):
        assert await status_of(services, "page") == (status, output)


async def test_the_end_of_a_certificate_is_recorded(telemetry: Captured, tmp_path: Path) -> None:
    certificate, key, trusting = certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    end = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    async with (
        answering(http(200), tls=context) as port,
        httpx.AsyncClient(verify=trusting, trust_env=False) as client,
    ):
        assert await over_http(client, Service("payments", f"https://127.0.0.1:{port}/")) is None
    assert telemetry.value("lms.health.certificate.expiry", {"check": "payments"}) == end.timestamp()


async def test_plain_http_has_no_certificate(telemetry: Captured) -> None:
    async with answering(http(200)) as port, httpx.AsyncClient(trust_env=False) as client:
        assert await over_http(client, Service("plain", f"http://127.0.0.1:{port}/")) is None
    assert "lms.health.certificate.expiry" not in telemetry.metrics


async def test_a_port_is_connected_to() -> None:
    async with (
        answering() as port,
        Services(settings_with(f"port=tcp://127.0.0.1:{port}"), None) as services,
    ):
        assert await status_of(services, "port") == (Status.PASS, None)
    async with Services(settings_with(f"port=tcp://127.0.0.1:{free_port()}"), None) as services:
        with pytest.raises(ConnectionRefusedError):
            await status_of(services, "port")


GREETING = b"220-mail.test\r\n220 Welcome\r\n"


@pytest.mark.parametrize(
    ("greeting", "answers", "output", "kind"),
    [
        (GREETING, (EHLO, QUIT), None, None),
        (GREETING, (EHLO,), None, None),  # it hangs up at QUIT
        (b"554 Go away\r\n", (), "It answered the connection with 554.", "554"),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            (),
            "It answered the connection with something",
            "ProtocolError",
        ),
        (b"22\r\n", (), "It answered the connection with something", "ProtocolError"),
        (b"220-more\r\n" * 1000, (), "It answered the connection with something", "ProtocolError"),
        (b"2" * 100_000, (), "It answered the connection with something", "ProtocolError"),
        (GREETING, (b"502 No\r\n",), "It answered EHLO with 502.", "502"),
        (GREETING, (b"354 Go ahead\r\n",), "It answered EHLO with 354.", "354"),
        (GREETING, (b"250-mail.test\r\ngarbage\r\n",), "It answered EHLO with something", "ProtocolError"),
        (GREETING, (EHLO, b"421 Busy\r\n"), "It answered QUIT with 421.", "421"),
    ],
)
async def test_a_mail_server_is_greeted_and_its_codes_count(
    greeting: bytes, answers: tuple[bytes, ...], output: str | None, kind: str | None
) -> None:
    async with (
        answering(*answers, greeting=greeting) as port,
        Services(settings_with(f"mail=smtp://127.0.0.1:{port}"), None) as services,
    ):
        [check] = services.checks()
        [measured] = await check.probe()
    assert (measured.status is Status.PASS, measured.error) == (output is None, kind)
    assert (measured.output or "").startswith(output or "")


async def test_a_mail_server_that_hangs_up_fails() -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with (
        server(hang_up) as port,
        Services(settings_with(f"mail=smtp://127.0.0.1:{port}"), None) as services,
    ):
        with pytest.raises(ConnectionError):
            await status_of(services, "mail")


async def test_a_mail_server_that_drips_is_left_when_the_limit_is_over() -> None:
    """Each byte comes soon after the last one, so that only a limit of the whole talk ends it."""
    gone = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220-")
        while not reader.at_eof():
            writer.write(b"x")
            with suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.05)
        gone.set()

    async with (
        server(drip) as port,
        Services(settings_with(f"mail=smtp://127.0.0.1:{port}"), None) as services,
    ):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await status_of(services, "mail")
        await gone.wait()


async def test_a_name_server_that_hangs_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, silent = [], threading.Event()

    def resolve(host: str, _port: object) -> None:
        asked.append(host)
        silent.wait()

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    async with Services(settings_with("mail=smtp://mail.test:25"), None) as services:
        [check] = services.checks()
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await check.probe()
    silent.set()
    assert asked == ["mail.test"]


def names(settings: Settings, telemetry: otel.Telemetry | None = None) -> dict[str, Check]:
    return {check.name: check for check in Services(settings, telemetry).checks()}


def test_stores_are_known_from_the_settings_and_theirs_wins() -> None:
    settings = settings_with(
        "prometheus=tcp://127.0.0.1:1,idp=https://id.example/up",
        prometheus_url="http://127.0.0.1:9090",
        loki_url="http://127.0.0.1:3100",
        tempo_url="http://127.0.0.1:3200",
    )
    found = names(settings)
    assert list(found) == ["prometheus", "log_store", "trace_store", "idp"]
    assert found["prometheus"].advice.startswith("See whether prometheus runs at 127.0.0.1:9090")
    assert not any(check.critical for check in found.values())


def test_the_collector_and_the_error_tracker_are_known_from_the_telemetry() -> None:
    config = otel.TelemetryConfig.from_env(
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
            "SENTRY_DSN": "http://public@127.0.0.1:2/1",
            "TELEMETRY_RUNTIME_METRICS": "off",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "100",
        }
    )
    telemetry = otel.configure(config)
    try:
        found = names(settings_with(""), telemetry)
    finally:
        telemetry.shutdown(0.1)
    assert {name: check.advice.split()[5] for name, check in found.items()} == {
        "collector": "127.0.0.1:1",
        "sentry": "127.0.0.1:2",
    }
    assert "public" not in str(found)  # the key


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ("mail", "must be name=URL pairs"),
        ("=tcp://x:1", "a name has lower-case letters"),
        ("Mail=tcp://x:1", "a name has lower-case letters"),
        ("mail=ftp://x:1", "mail needs a URL that starts with http, https, tcp or smtp"),
        ("mail=smtp://x", "mail needs a port"),
        ("mail=tcp://x:99999", "the address of mail is not a URL"),
        ("mail=http://", "mail needs a URL"),
        ("a=http://user:secret@x/", "remove the login from the address of a"),
        ("a=tcp://x:1,a=tcp://x:2", "names a twice"),
        ("a=tcp://x:1,redis=tcp://x:2", "names redis, which is a check of the platform"),
        (",".join(f"a{number}=tcp://x:1" for number in range(21)), "list at most 20"),
    ],
)
def test_a_wrong_list_is_refused_with_the_fix(listed: str, said: str) -> None:
    with pytest.raises(otel.ConfigError, match="LMS_HEALTH_EXTERNAL") as caught:
        Settings.from_env({"LMS_HEALTH_EXTERNAL": listed})
    [sentence] = [each for each in caught.value.sentences if "LMS_HEALTH_EXTERNAL" in each]
    assert said in sentence
    assert "secret" not in sentence


@pytest.mark.parametrize(
    ("listed", "count"), [("", 0), (" ", 0), ("a=http://x", 1), (" a=http://x/up?b=c , b=tcp://[::1]:2 ", 2)]
)
def test_a_right_list_is_read(listed: str, count: int) -> None:
    assert len(settings_with(listed).health_external) == count
