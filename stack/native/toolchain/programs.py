"""Locates programs. Cheap to import: nothing here builds anything."""

from pathlib import Path

from stack.native.toolchain import cache, system
from stack.native.toolchain.catalogue import tool_of
from stack.native.toolchain.errors import ToolError


def provided(name: str) -> Path | None:
    """Returns the machine's own program of that name if it can be used in place of ours."""
    return system.find_redis() if name == "redis-server" else None


def tool_path(name: str) -> Path:
    """Returns the absolute path of a program, for example of "prometheus"; builds nothing.

    "redis-server" is the machine's own if that is new enough.

    Raises:
        ToolError: there is no such program, or it is not built yet.
    """
    if own := provided(name):
        return own
    tool = tool_of(name)
    folder = cache.cache_dir()
    if not cache.is_built(folder, tool):
        raise ToolError(
            f"{name} is not built yet; run `.venv/bin/python -m stack.native.tools build --tool {name}` "
            "(`make up` does it too)."
        )
    return cache.tool_dir(folder, tool) / tool.binaries[name]
