"""Shows the dashboards without Grafana: ``python -m stack.boards serve``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import uvicorn

from otel import ConfigError
from stack.boards.dashboards import DashboardError, load
from stack.boards.server import Server
from stack.boards.settings import Settings


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns 1 after an error message."""
    options = _parser().parse_args(argv)
    try:
        return int(options.run(options))
    except (ConfigError, DashboardError) as error:
        print(error, file=sys.stderr)
        return 1


def _serve(_: argparse.Namespace) -> int:
    """Serves until SIGTERM or SIGINT."""
    settings = Settings.from_env()
    host, port = settings.listen
    app = Server(settings, load()).app()
    uvicorn.run(
        app, host=host, port=port, access_log=False, log_level="warning", server_header=False, ws="none"
    )
    return 0


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
    return parser


if __name__ == "__main__":
    sys.exit(main())
