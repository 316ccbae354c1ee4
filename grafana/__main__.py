"""Checks the boards: ``python -m grafana check``; `make check` runs it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from grafana.board import Board, BoardError
from grafana.build import BOARDS
from grafana.lint.check import everywhere, remaining
from stack.alerting import AlertingError
from stack.native.tools import ToolError


def main(argv: Sequence[str] | None = None, boards: Sequence[Board] = BOARDS) -> int:
    """Prints each fault of the boards; 1 if there is one, 2 if they cannot be checked."""
    parser = argparse.ArgumentParser(prog="python -m grafana", description="Works with the boards.")
    parser.add_argument("command", choices=["check"])
    parser.parse_args(argv)
    try:
        found = remaining(everywhere(boards), datetime.now(UTC).date())
    except (BoardError, AlertingError, ToolError) as error:
        print(error, file=sys.stderr)
        return 2
    for fault in found:
        print(fault, file=sys.stderr)
    panels = sum(len(list(board.panels())) for board in boards)
    print(f"{len(boards)} boards, {panels} panels; {f'{len(found)} faults' if found else 'no fault'}.")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
