"""Checks the ports before anything starts, because a port in use fails late and obscurely."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

import psutil

LOOPBACK = "127.0.0.1"
# None of the stack's own ports is in here.
BLOCKS: Final = range(20_000, 27_000)
BLOCK: Final = 100


@dataclass(frozen=True)
class Wanted:
    """A port, the part that listens on it, and the variable that sets it."""

    port: int
    part: str
    variable: str


def taken(wanted: Iterable[Wanted]) -> list[str]:
    """Returns a sentence for each port that is in use or that two parts want."""
    sentences: list[str] = []
    seen: dict[int, Wanted] = {}
    for each in wanted:
        if each.port in seen:
            first = seen[each.port]
            sentences.append(
                f"Port {each.port} is assigned twice, to {first.part} ({first.variable}) and {each.part} "
                f"({each.variable}): set one of the variables to another port in .env."
            )
        elif not is_free(each.port):
            sentences.append(
                f"Port {each.port}, which {each.part} needs, is in use{_holder(each.port)}: stop it, "
                f"or set {each.variable} to another port in .env."
            )
        seen.setdefault(each.port, each)
    return sentences


def is_free(port: int) -> bool:
    """Returns whether a server can listen on the loopback port; connections in TIME_WAIT do not count."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Returns ``count`` distinct loopback ports that nothing listens on and no other process gets from here.

    They are below the kernel's range for outgoing connections: a connection could take a port of that range
    before the intended program listens on it. Each process draws from a block that it holds until it exits.
    """
    block = _block(os.getpid())
    return [next(block) for _ in range(count)]


@cache
def _block(_pid: int) -> Iterator[int]:
    """Yields the free ports of a block of our own, repeatedly; a forked process gets another block."""
    for first in range(BLOCKS.start, BLOCKS.stop, BLOCK):
        lock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            lock.bind((LOOPBACK, first))
        except OSError:
            lock.close()
            continue
        return _free(lock, range(first + 1, first + BLOCK))
    raise OSError(f"every block of {BLOCK} ports from {BLOCKS.start} to {BLOCKS.stop} is in use")


def _free(lock: socket.socket, block: range) -> Iterator[int]:
    """Yields the block's ports that are free, as long as the socket holds the block."""
    with lock:
        while True:
            yield from filter(is_free, block)


def _holder(port: int) -> str:
    """Names the process that listens on the port, if this user is allowed to see it."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return ""
    for each in connections:
        if each.status == psutil.CONN_LISTEN and each.pid and each.laddr[1:] == (port,):
            return _described(each.pid)
    return ""


def _described(pid: int) -> str:
    try:
        command = " ".join(psutil.Process(pid).cmdline())[:80]
    except psutil.Error:
        return f" by process {pid}"
    return f" by process {pid} ({command})"
