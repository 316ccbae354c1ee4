# ruff: noqa: E402 - an interrupt during the imports below exits without a traceback
"""Shows the dashboards without Grafana: ``python -m stack.boards serve``, or ``preview`` as files."""

from __future__ import annotations

import signal

signal.signal(signal.SIGINT, signal.default_int_handler)

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvicorn

from otel import ConfigError
from stack.boards import preview
from stack.boards.dashboards import FOLDER, Dashboard, DashboardError, load
from stack.boards.preview import PreviewError, Span
from stack.boards.server import Server
from stack.boards.settings import Settings
from stack.boards.sources import AwayError
from stack.boards.window import RangeError
from stack.settings import SettingsError

INTERRUPTED: Final = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns 1 after an error message, 130 when interrupted."""
    options = _parser().parse_args(argv)
    try:
        return int(options.run(options))
    except (ConfigError, SettingsError, DashboardError, PreviewError, AwayError, RangeError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return INTERRUPTED


def _serve(_: argparse.Namespace) -> int:
    """Serves until SIGTERM or SIGINT."""
    settings = Settings.from_env()
    host, port = settings.listen
    app = Server(settings, load(settings.folder)).app()
    uvicorn.run(
        app, host=host, port=port, access_log=False, log_level="warning", server_header=False, ws="none"
    )
    return 0


def _preview(options: argparse.Namespace) -> int:
    """Writes pages and pictures; without a browser, pages only."""
    from stack.boards.running import settings  # noqa: PLC0415 - `serve` needs less memory without it

    _chosen(options.board, FOLDER)  # a wrong name is told before the stack has to run
    found = settings()
    boards = _chosen(options.board, found.folder)
    span = Span(options.start, options.end)
    made = asyncio.run(preview.pages(boards, found, span, options.out, print))
    program = preview.browser()
    for number, (board, page) in enumerate(zip(boards, made, strict=True), 1) if program else ():
        print(f"[{number}/{len(boards)}] {preview.picture(page, board, program or '').name}")
    print(f"The pages are in {options.out}: open {made[0]} in a browser.")
    if not program:
        print("There are no pictures, for want of Chromium (Debian: apt install chromium).")
    return 0


def _chosen(uid: str, folder: Path) -> list[Dashboard]:
    boards = load(folder)
    found = [board for board in boards if uid in {"", board.uid}]
    if not found:
        known = ", ".join(board.uid for board in boards)
        raise PreviewError(f"There is no board {uid!r}: name one of {known}.")
    return found


def _parser() -> argparse.ArgumentParser:
    variables = [f"  {each.key:<34} {each.sentence}" for each in Settings.variables()]
    parser = argparse.ArgumentParser(
        prog="python -m stack.boards",
        description=__doc__,
        epilog="environment variables of `serve`:\n" + "\n".join(variables),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True)
    serve = commands.add_parser("serve", help="serve the boards to a browser")
    serve.set_defaults(run=_serve)
    files = commands.add_parser("preview", help="write the boards as pages and pictures")
    files.add_argument(
        "--out", type=Path, default=Path("dist/preview"), help="folder; a preview there is replaced"
    )
    files.add_argument("--board", default="", help="the uid of one board; default: all")
    files.add_argument("--from", dest="start", default="", help="as now-6h; default: as the board has it")
    files.add_argument("--to", dest="end", default="", help="as now")
    files.set_defaults(run=_preview)
    return parser


if __name__ == "__main__":
    sys.exit(main())
