"""Builds the native stack's programs where they are missing, and finds them.

    python -m stack.native.tools build [--tool NAME]...
    python -m stack.native.tools path [--tool NAME]...
    python -m stack.native.tools list

The programs are in the user's cache (`STACK_CACHE_DIR` moves it), under a hash of what they are built
from, so a second checkout builds nothing.
"""

import argparse
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import FrameType

from stack.native.toolchain.build import make_all
from stack.native.toolchain.cache import cache_dir, is_built, tool_dir
from stack.native.toolchain.catalogue import TOOLS, tool_of
from stack.native.toolchain.errors import ToolError
from stack.native.toolchain.kinds import Tool, WheelTool
from stack.native.toolchain.programs import provided, tool_path
from stack.native.toolchain.progress import Board

__all__ = ["ToolError", "ensure", "main", "tool_path"]

_INTERRUPTED = 130


def ensure(names: Iterable[str], board: Board | None = None) -> dict[str, Path]:
    """Builds the programs that are missing and returns the path of each.

    Shows progress on standard error. An interrupt leaves no partial program, and the next call continues
    where this one stopped.

    Raises:
        ToolError: there is no such program, or it could not be built; the text says what to do.
    """
    wanted = tuple(dict.fromkeys(names))
    tools = dict.fromkeys(tool_of(name) for name in wanted if provided(name) is None)
    make_all(tools, cache_dir(), board or Board())
    return {name: tool_path(name) for name in wanted}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _exit_on_signal)
    signal.signal(signal.SIGHUP, _exit_on_signal)
    try:
        return _run(options.command, options.tool or _all_names())
    except ToolError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader closed the pipe, as in `list | head`: the rest of the output goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("Interrupted; the next build continues from here.", file=sys.stderr)
        return _INTERRUPTED


def _exit_on_signal(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _run(command: str, names: Sequence[str]) -> int:
    if command == "build":
        ensure(names)
        print(f"All requested programs are in {cache_dir()}.", file=sys.stderr)
        return 0
    if command == "list":
        _print_list()
    else:
        print("\n".join(str(tool_path(name)) for name in names))
    sys.stdout.flush()
    return 0


def _all_names() -> list[str]:
    return [name for tool in TOOLS for name in tool.binaries]


def _print_list() -> None:
    cache = cache_dir()
    for tool in TOOLS:
        for name in tool.binaries:
            print(f"{name:<20} {tool.release:<10} {_state(cache, tool, name)}")


def _state(cache: Path, tool: Tool, name: str) -> str:
    if own := provided(name):
        return f"{own} (the machine's own)"
    if not is_built(cache, tool):
        return "not built"
    path = tool_dir(cache, tool) / tool.binaries[name]
    # An environment's program is a small script; only the size of a binary is of interest.
    script = isinstance(tool, WheelTool) and tool.kind == "environment"
    return str(path) if script else f"{path}  {path.stat().st_size / 1e6:.0f} MB"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stack.native.tools", description=(__doc__ or "").split("\n", 1)[0]
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="build|path|list")
    for name, text in (
        ("build", "build the programs that are missing (all, or those named)"),
        ("path", "print where programs are; fails if one is not built"),
        ("list", "print every program with its version, path and size"),
    ):
        command = commands.add_parser(
            name, help=text, description=text, aliases=["ensure"] if name == "build" else []
        )
        command.set_defaults(command=name)
        command.add_argument(
            "--tool",
            action="append",
            metavar="NAME",
            help="a program; repeatable (default: all)",
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
