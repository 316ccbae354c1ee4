"""Lines reach the stream whole, in order, and soon."""

from __future__ import annotations

import os
import pty
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from otel.logs.stream import LineWriter
from tests.programs import wait_until

_LONG = 600.0


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[TextIO]:
    with (tmp_path / "out.log").open("w") as opened:
        yield opened


def written(stream: TextIO) -> str:
    return Path(stream.name).read_text()


def test_lines_are_batched_for_at_most_the_delay(stream: TextIO) -> None:
    writer = LineWriter(stream, 0.02)
    writer.write("one\n", urgent=False)
    writer.write("two\n", urgent=False)
    wait_until(lambda: written(stream) == "one\ntwo\n", "both lines are written")
    writer.write("three\n", urgent=False)
    wait_until(lambda: written(stream).endswith("three\n"), "the third line is written")
    writer.close()


def test_an_urgent_line_flushes_the_waiting_lines(stream: TextIO) -> None:
    writer = LineWriter(stream, _LONG)
    writer.write("one\n", urgent=False)
    assert written(stream) == ""
    writer.write("two\n", urgent=True)
    assert written(stream) == "one\ntwo\n"
    writer.close()


def test_the_buffer_is_bounded(stream: TextIO) -> None:
    writer = LineWriter(stream, _LONG)
    for _ in range(400):
        writer.write("x" * 1023 + "\n", urgent=False)
    assert len(written(stream)) > 256 * 1024
    writer.close()


def test_close_flushes_and_later_lines_are_written_at_once(stream: TextIO) -> None:
    writer = LineWriter(stream, _LONG)
    writer.write("one\n", urgent=False)
    writer.close()
    writer.write("two\n", urgent=False)
    assert written(stream) == "one\ntwo\n"


def test_a_terminal_shows_each_line_at_once() -> None:
    parent, child = pty.openpty()
    with os.fdopen(child, "w") as terminal:
        LineWriter(terminal, _LONG).write("one\n", urgent=False)
        assert os.read(parent, 100) == b"one\r\n"
    os.close(parent)


def test_threads_do_not_mix_their_lines(stream: TextIO) -> None:
    writer = LineWriter(stream, 0.001)

    def work(name: str) -> None:
        for number in range(500):
            writer.write(f"{name}{number}\n", urgent=number % 7 == 0)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    lines = written(stream).splitlines()
    for name in "abcd":
        assert [line for line in lines if line[0] == name] == [f"{name}{number}" for number in range(500)]


def test_a_forked_child_does_not_write_the_parents_lines(stream: TextIO) -> None:
    writer = LineWriter(stream, _LONG)
    writer.write("parent\n", urgent=False)
    child = os.fork()
    if not child:
        writer.restart()
        writer.write("child\n", urgent=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    writer.close()
    assert sorted(written(stream).splitlines()) == ["child", "parent"]


def test_a_broken_stream_raises_at_the_next_caller() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    broken = os.fdopen(writing, "w")
    writer = LineWriter(broken, 0.001)
    writer.write("lost\n", urgent=False)
    wait_until(lambda: writer._delay == 0, "the thread has hit the broken pipe")
    with pytest.raises(OSError, match="pipe"):
        writer.write("raises\n", urgent=False)
    with pytest.raises(OSError, match="pipe"):
        broken.close()
