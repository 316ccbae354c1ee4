"""A Loki of the user's own in place of the stack's log store: `LOKI_URL` in .env."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from stack.native.native_stack import NativeStack, ensure_programs
from stack.native.probes import NO_CERTIFICATES
from tests.collector_config import stores
from tests.programs import wait_until

pytestmark = pytest.mark.stack
ARRIVED = 'telemetry_canary_arrived_total{signal="logs"} '


def test_the_platforms_logs_arrive_there_and_the_canary_finds_its_own(tmp_path: Path) -> None:
    loki = stores.loki()
    ensure_programs()
    namespace = f"own-{tmp_path.name}"
    resource = f"service.namespace={namespace}"
    stack = NativeStack.scratch(
        tmp_path, {"LOKI_URL": loki, "STACK_CANARY_SECONDS": "2", "OTEL_RESOURCE_ATTRIBUTES": resource}
    )

    def arrived() -> float:
        text = httpx.get(f"{stack.url('canary')}/metrics", verify=NO_CERTIFICATES).text
        return sum(
            float(line.removeprefix(ARRIVED)) for line in text.splitlines() if line.startswith(ARRIVED)
        )

    def stored() -> list[object]:
        query = {"query": f'{{service_name="lms", service_namespace="{namespace}"}}', "since": "1h"}
        answer = httpx.get(f"{loki}/loki/api/v1/query_range", params=query, verify=NO_CERTIFICATES)
        found: list[object] = answer.raise_for_status().json()["data"]["result"]
        return found

    try:
        stack.start()
        assert "victorialogs" not in {part.name for part in stack.parts()}
        assert all(part.health().well for part in stack.parts())
        wait_until(lambda: arrived() >= 2, "two of the canary's records are found in Loki")
        wait_until(stored, "the platform's log is in Loki")
    finally:
        stack.stop()
