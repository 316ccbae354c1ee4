"""What stops `make up`: each is one sentence with the cause and the fix, and leaves nothing running."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from stack.native.assemble import prepare_folder
from stack.native.native_stack import NativeStack, ensure_programs
from stack.native.ports import free_ports
from stack.native.supervisor import StackError

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module", autouse=True)
def _programs() -> None:
    ensure_programs()


def refusal(folder: Path, settings: Mapping[str, str]) -> str:
    """Returns why the stack does not start, after checking that nothing of it is running."""
    stack = NativeStack.scratch(folder, settings)
    try:
        with pytest.raises(StackError) as refused:
            stack.start()
        assert stack.supervisor.members() == []
    finally:
        stack.stop()
    return str(refused.value)


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        said = refusal(tmp_path, {"STACK_PORT_VICTORIALOGS": str(port)})
    assert f"Port {port}, which victorialogs needs, is in use" in said
    assert "set STACK_PORT_VICTORIALOGS to another port" in said


@pytest.mark.parametrize(
    ("variable", "scheme"),
    [("MONGODB_URL", "mongodb"), ("REDIS_URL", "redis"), ("LOKI_URL", "http")],
)
def test_the_users_own_server_is_unreachable(tmp_path: Path, variable: str, scheme: str) -> None:
    (port,) = free_ports(1)
    said = refusal(tmp_path, {variable: f"{scheme}://127.0.0.1:{port}"})
    assert said.startswith(f"{variable} is set, but that server does not serve (")
    assert "remove the line so that the stack starts its own" in said


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_disk_that_is_nearly_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(10**12, 10**12, 200 * 2**20))
    said = refusal(tmp_path, {})
    assert f"The disk of the data folder {tmp_path} is nearly full: 200 MB are free" in said
    assert "set STACK_DATA_DIR to a folder on another disk" in said


def test_a_part_that_cannot_start_is_named_with_its_last_lines_and_its_log(tmp_path: Path) -> None:
    prepare_folder(tmp_path)
    (tmp_path / "victorialogs").write_text("no folder")
    said = refusal(tmp_path, {})
    ended = (
        r"victorialogs \(Logs \(VictoriaLogs\)\) ended( \d times)? before it was ready \(exit code \d+\)\."
    )
    assert re.match(ended, said)
    assert "not a directory" in said
    assert f"Its log: {tmp_path / 'logs' / 'victorialogs.log'}" in said
