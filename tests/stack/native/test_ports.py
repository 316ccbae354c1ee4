from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from stack.native.ports import Wanted, free_ports, is_free, taken


@pytest.fixture
def held() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_port_in_use_is_reported_with_part_process_and_variable(held: int) -> None:
    (sentence,) = taken([Wanted(held, "jaeger", "STACK_PORT_JAEGER")])
    assert f"Port {held}, which jaeger needs, is in use by process {os.getpid()}" in sentence
    assert "set STACK_PORT_JAEGER to another port" in sentence


def test_a_port_bound_on_every_address_is_not_free() -> None:
    with socket.socket() as server:
        server.bind(("0.0.0.0", 0))  # noqa: S104 - as a careless program does
        server.listen()
        assert not is_free(server.getsockname()[1])


def test_a_port_assigned_twice_is_reported_with_both_variables() -> None:
    (port,) = free_ports(1)
    (sentence,) = taken([Wanted(port, "jaeger", "STACK_PORT_JAEGER"), Wanted(port, "app", "LMS_PORT")])
    assert "jaeger (STACK_PORT_JAEGER) and app (LMS_PORT)" in sentence


def test_free_ports_differ_and_are_free() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert taken(Wanted(port, "part", "VARIABLE") for port in ports) == []


def test_no_two_processes_are_given_the_same_port() -> None:
    ours = set(free_ports(150))
    program = "from stack.native.ports import free_ports; print(*free_ports(150))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not ours & {int(port) for port in done.stdout.split()}


def test_a_connection_in_time_wait_does_not_block_the_port() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        accepted.close()  # the server side closes first: its port stays in TIME_WAIT
        client.close()
    assert is_free(port)
