"""The commands about alerts: ``python -m stack.alerting --help``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from stack.alerting import check
from stack.alerting.errors import AlertingError
from stack.native.tools import ToolError


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns 1 if it finds a fault."""
    parser = argparse.ArgumentParser(prog="python -m stack.alerting", description="Works with alerts.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    text = "check rules, cases, routes and runbooks with the programs that read them; name what is missing"
    checking = commands.add_parser("check", help=text, description=text)
    checking.add_argument(
        "--environment",
        default=os.environ.get("LMS_ENVIRONMENT", ""),
        help="the deployment whose thresholds are used (default: LMS_ENVIRONMENT, or none)",
    )
    checking.set_defaults(run=lambda options: check.run(options.environment))
    options = parser.parse_args(argv)
    try:
        return int(options.run(options))
    except (AlertingError, ToolError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
