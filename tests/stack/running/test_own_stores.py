"""A Loki and a Tempo of the user's own: the stack fills both, and the boards' queries run as they are."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Final

import httpx
import pytest

from stack.boards.dashboards import Dashboard, Target, load
from stack.boards.expansion import Value, Values
from stack.boards.sources import opened
from stack.boards.window import Window
from stack.native.native_stack import NativeStack, ensure_programs
from stack.native.probes import NO_CERTIFICATES
from tests.collector_config import stores
from tests.grafana import hops
from tests.grafana.provisioned import SOURCES, data_sources
from tests.programs import wait_until
from tests.stack.running import executed_logs
from tests.stack.running.executed import MILLISECONDS, Executor, Ran, table
from tests.stack.running.learner import Platform
from tests.stack.running.stores import SERVICE, Stores
from tests.stack.running.studied import log_in_slowly, study

pytestmark = pytest.mark.stack
# Both stores may have seen another stack.
ENVIRONMENT: Final = f"own-{secrets.token_hex(4)}"
ARRIVED: Final = 'telemetry_canary_arrived_total{signal="logs"} '


@dataclass(frozen=True)
class Own:
    """A stack whose logs and traces go to the user's own stores, after learners have studied."""

    stack: NativeStack
    boards: list[Dashboard]
    values: Mapping[str, Values]

    async def ran(self) -> list[Ran]:
        """Returns what came of each query to the log store and the trace store."""
        async with opened(executed_logs.settings(self.stack)) as sources:
            return [each async for each in executed_logs.executed(self.boards, self.values, sources)]

    def arrived(self) -> float:
        """Returns how many of the canary's records it has found in the log store."""
        text = httpx.get(f"{self.stack.url('canary')}/metrics", verify=NO_CERTIFICATES).text
        return sum(
            float(line.removeprefix(ARRIVED)) for line in text.splitlines() if line.startswith(ARRIVED)
        )


@pytest.fixture(name="own", scope="module")
def _own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    loki, (tempo, otlp) = stores.loki(), stores.tempo()
    ensure_programs()
    attributes = f"service.namespace=stegmaier,deployment.environment.name={ENVIRONMENT}"
    given = {
        "LOKI_URL": loki,
        "TEMPO_OTLP_URL": otlp,
        "LMS_TEMPO_URL": tempo,
        "LMS_DEMO_FAILURE_RATIO": "1",
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        "OTEL_RESOURCE_ATTRIBUTES": attributes,
        "STACK_CANARY_SECONDS": "2",
        "TELEMETRY_SLOW_QUERY_MS": "0",  # else a quiet machine has no slow query
    }
    stack = NativeStack.scratch(tmp_path_factory.mktemp("own"), given)
    try:
        stack.start()
        study(stack)
        log_in_slowly(stack)
        yield Own(stack, load(), _values(stack, load()))
    finally:
        stack.stop()


def _values(stack: NativeStack, boards: list[Dashboard]) -> dict[str, dict[str, Value]]:
    """Returns each board's variables, with this stack's environment chosen."""
    asked = Stores(stack)
    with asked.prometheus() as client:
        executor = Executor(client)
        for board in boards:
            list(executor.board(board))
    asked.close()
    chosen = {"environment": Value((ENVIRONMENT,), several=True)}
    return {uid: values | chosen for uid, values in executor.values.items()}


def test_no_query_fails_is_slow_or_finds_nothing(
    own: Own, record_property: Callable[[str, object], None]
) -> None:
    ran: list[Ran] = []

    def blank() -> list[str]:
        return [f"{each.name}: {each.text}" for each in ran if each.empty]

    def complete() -> bool:
        ran[:] = asyncio.run(own.ran())
        return not blank()

    wait_until(complete, lambda: f"these find something: {blank()}")
    record_property("note", table(ran, own.boards))
    assert [f"{each.name}: {each.error}" for each in ran if each.error] == []
    slow = [each for each in ran if each.milliseconds > MILLISECONDS]
    assert [f"{each.name}: {each.milliseconds:.0f} ms: {each.text}" for each in slow] == []


def test_the_canary_finds_its_own_and_the_stack_has_no_other_log_store(own: Own) -> None:
    assert "victorialogs" not in {part.name for part in own.stack.parts()}
    assert all(part.health().well for part in own.stack.parts())
    wait_until(lambda: own.arrived() >= 2, "two of the canary's records are found in Loki")


@pytest.fixture(name="trace_id", scope="module")
def _trace_id(own: Own) -> Iterator[str]:
    """The trace of a request that failed, once the monitoring API finds spans and records of it."""
    with closing(Platform(own.stack)) as platform:
        found: str = platform.student().post("/demo/transcripts").json()["trace_id"]
        admin = platform.admin().client

        def kinds() -> set[str]:
            answer = admin.get(f"/monitoring/trace/{found}").json()
            return {entry["kind"] for entry in answer.get("entries", [])}

        wait_until(lambda: kinds() >= {"span", "log"}, "its spans are in Tempo and its records in Loki")
        yield found


async def test_a_trace_leads_to_its_log_lines_and_they_back(own: Own, trace_id: str) -> None:
    given = {"LOKI_URL": "", "ERRORS_BEFORE_TRACE": "https://errors.example/", "ERRORS_AFTER_TRACE": ""}
    provisioned = data_sources(SOURCES, given)
    query = hops.logs_of_span(provisioned["tempo"], trace_id, {"service.name": SERVICE})
    async with opened(executed_logs.settings(own.stack)) as sources:
        window = Window.of("now-15m", "now", now=time.time())
        lines = await sources.logs.lines(Target("A", "logs", query), query, window)
    assert lines
    assert {hops.of_line(provisioned["loki"], each.fields)["trace_id"] for each in lines} == {
        ("tempo", trace_id)
    }
