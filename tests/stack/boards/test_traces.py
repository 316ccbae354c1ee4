"""TraceQL: the translation for a real Jaeger finds what Tempo finds, where there is one."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

import pytest

from app.infra.stores.client import Login, StoreClient
from stack.boards.dashboards import Panel, Place, Target
from stack.boards.drawing import cells
from stack.boards.frames import TraceFound
from stack.boards.traceql import TraceqlError, parsed
from stack.boards.traces import Jaeger, Tempo, TraceStore
from stack.boards.window import Window
from stack.native import logins
from tests.app.infra.stores.conftest import PASSWORD
from tests.app.infra.stores.jaegers import jaeger
from tests.app.infra.stores.telemetry_of import send
from tests.collector_config import stores
from tests.programs import wait_until

SERVICE: Final = f"lms-{secrets.token_hex(4)}"
START: Final = int(time.time()) - 120
WINDOW: Final = Window.of(f"{START - 60}", f"{START + 110}", now=0)
TARGET: Final = Target("A", "traces", "{}", most=20)
REQUESTS: Final = f'resource.service.name =~ "other|{SERVICE}" && kind = server'
# A request each: when it began, its name, how long it took, its route, whether it failed, and a call in it.
SCRIPT: Final = f"""
from opentelemetry.trace import SpanKind, StatusCode

def request(second, name, seconds, route, failed=False, call=0.0):
    start = ({START} + second) * 10**9
    server = tracer.start_span(name, kind=SpanKind.SERVER, start_time=start)
    server.set_attribute("http.route", route)
    inside = trace.set_span_in_context(server)
    tracer.start_span("a call", inside, SpanKind.CLIENT, start_time=start).end(start + int(call * 1e9))
    if failed:
        server.set_status(StatusCode.ERROR)
    server.end(start + int(seconds * 1e9))

request(1, "slow", 1.5, "/courses/{{id}}")
request(2, "slower", 2.5, "/users")
request(3, "failed", 0.1, "/users", failed=True)
request(4, "left behind", 0.1, "/users", call=3)
request(5, "just as long", 1.0, "/users")
request(6, "operated", 4, "/monitoring/logs", failed=True)
"""


@dataclass(frozen=True)
class Running:
    """A trace store of this kind: where it is asked, where it takes spans, and its login."""

    kind: type[Jaeger | Tempo]
    url: str
    otlp: str
    login: Login | None


@contextmanager
def _running(kind: str) -> Iterator[Running]:
    if kind == "Tempo":
        asked, otlp = stores.tempo()
        yield Running(Tempo, asked, f"{otlp}/v1/traces", None)
        return
    with jaeger() as started:
        yield Running(Jaeger, started.url, started.otlp, Login(logins.USER, PASSWORD))


@pytest.fixture(scope="module", params=["Jaeger", "Tempo"])
def filled(request: pytest.FixtureRequest) -> Iterator[Running]:
    """A store that has the requests."""
    with _running(request.param) as running:
        login = logins.basic(PASSWORD) if running.login else ""
        send(SCRIPT, traces=running.otlp, service=SERVICE, login=login)
        wait_until(lambda: len(asyncio.run(_asked(running))) == SCRIPT.count("\nrequest("), "it has them")
        yield running


async def _asked(running: Running) -> list[str]:
    async with opened(running) as store:
        return await found(store, REQUESTS)


@asynccontextmanager
async def opened(running: Running) -> AsyncIterator[TraceStore]:
    client = StoreClient("traces", running.url, seconds=20, login=running.login)
    yield running.kind(client)
    await client.close()


@pytest.fixture
async def store(filled: Running) -> AsyncIterator[TraceStore]:
    async with opened(filled) as store:
        yield store


async def found(store: TraceStore, conditions: str) -> list[str]:
    return [each.name for each in await store.search(TARGET, f"{{ {conditions} }}", WINDOW)]


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        # The call that took longer is another span.
        ("duration > 1000ms", ["operated", "slower", "slow"]),
        ("status = error", ["operated", "failed"]),
        ('span.http.route !~ "/monitoring/.+" && status = error', ["failed"]),
        ('span.http.route =~ "/courses/{id}"', ["slow"]),
        ('span.http.route =~ "/courses/{id}|/user" && duration > 1s', ["slow"]),
        ('span.http.route = "/users" && duration > 1.5s', ["slower"]),
        ('resource.deployment.environment.name =~ "tests" && duration > 2s', ["operated", "slower"]),
        ('resource.deployment.environment.name =~ "production|staging"', []),
        ('span.nobody.has.it !~ "x"', []),
    ],
)
async def test_conditions_are_on_one_span(store: TraceStore, condition: str, names: list[str]) -> None:
    assert await found(store, f"{REQUESTS} && {condition}") == names


async def test_a_trace_is_told_by_its_root(store: TraceStore) -> None:
    [trace] = await store.search(
        TARGET, f'{{ resource.service.name = "{SERVICE}" && duration > 3s }}', WINDOW
    )
    assert (trace.service, trace.name, trace.start, trace.seconds) == (SERVICE, "operated", START + 6, 4)
    assert len(trace.trace_id.zfill(32)) == 32


@pytest.mark.parametrize(
    "wrong",
    [
        *(
            "",
            "{ a } >> { b }",
            "{ status != error }",
            "{ status = ok }",
            "{ kind = x }",
            "{ kind =~ server }",
        ),
        *("{ status = error || duration > 1s }", "{ status = error && }", "{ status = error kind = server }"),
        *("{ duration > 1h }", "{ duration < 1s }", "{ traceDuration > 1s }", '{ name = "GET /" }'),
        *('{ .http.route = "/a" }', "{ span.http.route = a }", '{ span.a =~ "(" }', '{ span.a > "1" }'),
    ],
)
def test_what_has_no_translation_is_refused(wrong: str) -> None:
    with pytest.raises(TraceqlError, match="is TraceQL that Jaeger cannot answer: join conditions on"):
        parsed(wrong)


def test_a_table_of_traces_has_the_panels_order() -> None:
    traces = [
        TraceFound("a" * 32, "lms", "GET /a", 1_700_000_000, 0.5),
        TraceFound("b" * 32, "lms", "GET /b", 1_699_999_999, 1.5),
    ]
    slowest: dict[str, Any] = {"sortBy": [{"displayName": "Duration", "desc": True}]}
    for options, ids in (({}, "ab"), (slowest, "ba")):
        panel = Panel(1, "Traces", "table", "", Place(0, 0, 12, 8), (), options, {})
        drawn = cells.traces(panel, traces, "http://traces.example/trace/{trace_id}")
        assert [row[0]["links"][0]["url"][-1] for row in drawn["rows"]] == list(ids)
    heads = [column["title"] for column in drawn["columns"]]
    assert heads == ["Trace ID", "Start time", "Service", "Name", "Duration"]
    assert drawn["rows"][0][1:] == [
        *({"time": 1_699_999_999_000}, {"text": "lms"}, {"text": "GET /b"}),
        {"text": "1.5 s"},
    ]
