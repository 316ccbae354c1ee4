"""A log store that is killed in the middle, frozen, and brought back."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx

from stack.native.probes import NO_CERTIFICATES
from stack.native.tools import tool_path
from tests.app.monitoring.asked.conftest import TOKEN, Serve
from tests.app.people import Api
from tests.programs import Program, free_port


def start(folder: Path, port: int) -> Program:
    """Starts VictoriaLogs on its data."""
    where = [f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={folder / 'data'}"]
    program = Program([tool_path("victoria-logs"), *where], folder / "log")
    program.ready(lambda: healthy(port))
    return program


def healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", verify=NO_CERTIFICATES).is_success
    except httpx.TransportError:
        return False


async def missing(api: Api) -> list[str]:
    answer = await api.client.get("/monitoring/logs", headers=TOKEN)
    assert answer.status_code == 200
    found: list[str] = answer.json()["missing"]
    return found


async def test_answers_are_partial_until_the_store_is_back(serve: Serve, tmp_path: Path) -> None:
    port = free_port()
    program = start(tmp_path, port)
    try:
        async with serve(victorialogs_url=f"http://127.0.0.1:{port}", stores_seconds=2) as api:
            assert await missing(api) == []
            os.kill(program.pid, signal.SIGSTOP)
            assert await missing(api) == ["victorialogs"]
            os.kill(program.pid, signal.SIGCONT)
            program.kill()
            assert await missing(api) == ["victorialogs"]
            program = start(tmp_path, port)
            assert await missing(api) == []
    finally:
        program.stop()
