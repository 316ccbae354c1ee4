"""The cache of built tools: one folder per user, shared by all checkouts, each tool under its own hash."""

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from stack.native.toolchain.catalogue import GO
from stack.native.toolchain.errors import ToolError
from stack.native.toolchain.kinds import Tool

_LOCK_POLL_SECONDS = 0.5
_FOLDER = "stegmaier-lms"


def cache_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Returns the cache folder: `STACK_CACHE_DIR`, else /var/cache for root, else the XDG cache.

    Source: XDG Base Directory Specification (a relative XDG_CACHE_HOME is ignored).

    Raises:
        ToolError: `STACK_CACHE_DIR` is not an absolute path.
    """
    if chosen := environ.get("STACK_CACHE_DIR"):
        path = Path(chosen).expanduser()
        if not path.is_absolute():
            raise ToolError(f"STACK_CACHE_DIR is {chosen!r}; give an absolute path.")
        return path
    if os.geteuid() == 0:
        return Path("/var/cache") / _FOLDER
    xdg = Path(environ.get("XDG_CACHE_HOME", ""))
    return (xdg if xdg.is_absolute() else Path.home() / ".cache") / _FOLDER


def tool_dir(cache: Path, tool: Tool) -> Path:
    """Returns the folder of the tool's current version, whether it exists or not."""
    if tool is GO:
        return cache / f"go-{tool.release}"
    return cache / "tools" / f"{tool.name}-{tool.key}"


def is_built(cache: Path, tool: Tool) -> bool:
    """Returns whether every binary of the tool is in the cache."""
    folder = tool_dir(cache, tool)
    return all(os.access(folder / path, os.X_OK) for path in tool.binaries.values())


@contextmanager
def exclusive(cache: Path, waiting: Callable[[str], None]) -> Iterator[None]:
    """Holds the cache's build lock; calls `waiting` once, with a sentence, if another process holds it.

    The kernel releases the lock when the process dies, so a killed build does not block others.

    Raises:
        ToolError: the cache is not writable.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = (cache / "lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise ToolError(
            f"The tools' cache {cache} cannot be written ({error.strerror}); "
            "set STACK_CACHE_DIR to a folder of your own."
        ) from error
    with lock:
        announced = False
        while not _try_lock(lock.fileno()):
            if not announced:
                lock.seek(0)
                waiting(
                    f"Another build (process {lock.read().strip() or 'unknown'}) is running; waiting for it."
                )
                announced = True
            time.sleep(_LOCK_POLL_SECONDS)
        lock.seek(0)
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True


@contextmanager
def staged(final: Path) -> Iterator[Path]:
    """Yields an empty folder that is renamed to `final` if the block succeeds, and removed if not.

    First removes partial folders that killed processes left under the same name; call it while holding
    the cache's lock.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    for debris in final.parent.glob(f"{final.name}.partial-*"):
        shutil.rmtree(debris)
    partial = final.with_name(f"{final.name}.partial-{os.getpid()}")
    partial.mkdir()
    # Whatever the umask: PostgreSQL may have to run as another user.
    partial.chmod(0o755)
    try:
        yield partial
        if final.exists():
            shutil.rmtree(final)
        partial.rename(final)
    finally:
        if partial.exists():
            shutil.rmtree(partial)


def require_space(folder: Path, needed: int, *, reusable: Callable[[], int]) -> None:
    """Checks that the file system has `needed` bytes free, counting what an earlier build left there.

    Raises:
        ToolError: it has not; the text gives the free and the needed space.
    """
    free = shutil.disk_usage(folder).free
    if free >= needed or free + reusable() >= needed:
        return
    raise ToolError(
        f"The file system of {folder} has {free / 1e9:.1f} GB free, but building the tools needs "
        f"{needed / 1e9:.1f} GB for a while; free some, or set STACK_CACHE_DIR to a folder with more space."
    )


def size_of(folder: Path) -> int:
    """Returns the total size in bytes of the files below the folder, 0 if there is no such folder."""
    return sum(os.lstat(Path(root) / name).st_size for root, _, names in os.walk(folder) for name in names)
