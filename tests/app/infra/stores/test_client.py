from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BufferedIOBase

import pytest

from app.infra.stores.alertmanager import Alertmanager
from app.infra.stores.client import Login, StoreClient, StoreUnavailable
from app.infra.stores.prometheus import Prometheus
from tests.app.infra.stores.odd_server import (
    GARBAGE,
    Respond,
    answering,
    dripping,
    endless,
    no_http,
    odd_server,
    silent,
)
from tests.programs import free_port

SECONDS = 0.5


@asynccontextmanager
async def asking(address: str, seconds: float = 10, login: Login | None = None) -> AsyncIterator[StoreClient]:
    client = StoreClient("prometheus", address, seconds=seconds, login=login)
    try:
        yield client
    finally:
        await client.close()


@pytest.mark.parametrize(
    ("respond", "reason"),
    [
        (silent, "did not answer within 0.5 s"),
        (dripping, "did not answer within 0.5 s"),
        (no_http, "does not answer (RemoteProtocolError)"),
        (answering(b"down\nfor  repair", "503 Service Unavailable"), "answered 503 (down for repair)"),
        (answering(b"", "302 Found"), "answered 302 ()"),
    ],
)
async def test_what_goes_wrong_is_one_error_that_names_the_store(respond: Respond, reason: str) -> None:
    with odd_server(respond) as url:
        async with asking(url, SECONDS) as client:
            with pytest.raises(StoreUnavailable) as raised:
                await Prometheus(client).query("up")
    assert (raised.value.source, raised.value.reason) == ("prometheus", reason)
    assert raised.value.is_late == ("within" in reason)
    assert raised.value.detail == f"prometheus {reason}; try again in a moment."


async def test_an_answer_without_end_is_cut() -> None:
    with odd_server(endless) as url:
        async with asking(url, 60) as client:
            with pytest.raises(StoreUnavailable, match="more than 16 MiB"):
                await Prometheus(client).query("up")


async def test_a_server_that_is_gone_is_unavailable() -> None:
    async with asking(f"http://127.0.0.1:{free_port()}") as client:
        with pytest.raises(StoreUnavailable, match="ConnectError"):
            await Prometheus(client).query("up")


@pytest.mark.parametrize("body", GARBAGE)
async def test_garbage_is_unavailable(body: bytes) -> None:
    with odd_server(answering(body)) as url:
        async with asking(url) as client:
            with pytest.raises(StoreUnavailable, match="did not answer as its API does"):
                await Prometheus(client).query("up")


@pytest.mark.parametrize("body", [body for body in GARBAGE if body != b"[]"])
async def test_garbage_is_no_list_of_alerts(body: bytes) -> None:
    with odd_server(answering(body)) as url:
        async with asking(url) as client:
            with pytest.raises(StoreUnavailable, match="did not answer as its API does"):
                await Alertmanager(client).alerts()


async def test_a_redirect_is_not_followed_so_that_the_login_stays_where_it_belongs() -> None:
    asked: list[bool] = []

    def count(output: BufferedIOBase, over: threading.Event) -> None:
        asked.append(True)
        answering(b"")(output, over)

    with (
        odd_server(count) as elsewhere,
        odd_server(answering(b"", "302 Found", f"Location: {elsewhere}/api\r\n")) as url,
    ):
        async with asking(url, login=Login("lms", "secret")) as client:
            with pytest.raises(StoreUnavailable, match="answered 302"):
                await Prometheus(client).query("up")
    assert asked == []
