"""Measures what telemetry costs a request: ``python -m bench.overhead [--short] [--rounds N]``."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.arguments import positive
from bench.overhead.environment import peers_python
from bench.overhead.measure import Plan, chosen, measure
from bench.overhead.redaction import measure_redaction
from bench.overhead.report import FOLDER, Alone, Circumstances, verdicts, write
from bench.overhead.variants import VARIANTS
from bench.overhead.worst import measure_worst
from bench.process import BenchError
from stack.native.tools import ToolError, ensure

_ROUNDS, _REQUESTS = 21, 400
_SHORT_ROUNDS, _SHORT_REQUESTS = 5, 200
_INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 if everything was measured and written, 2 if something failed."""
    options = _parser().parse_args(arguments)
    load_before = f"load average {os.getloadavg()[0]:.1f}"
    try:
        python = peers_python()
        ensure(["postgres", "ferretdb"])
        rounds = options.rounds or (_SHORT_ROUNDS if options.short else _ROUNDS)
        plan = Plan(rounds, _SHORT_REQUESTS if options.short else _REQUESTS, chosen(options.variant))
        measured = asyncio.run(measure(plan, python))
    except (BenchError, ToolError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted; every process is stopped and nothing is written.", file=sys.stderr)
        return _INTERRUPTED
    alone = Alone(measure_redaction(), measure_worst())
    written = write(measured, Circumstances.now(load_before), alone, options.output)
    print("\n".join(verdicts(measured)))
    print("Written: " + ", ".join(str(path) for path in written))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.overhead", description=_DESCRIPTION)
    parser.add_argument(
        "--short", action="store_true", help=f"{_SHORT_ROUNDS} rounds of {_SHORT_REQUESTS} requests"
    )
    parser.add_argument(
        "--rounds", type=positive, metavar="N", help=f"rounds in-process (default: {_ROUNDS})"
    )
    parser.add_argument(
        "--variant",
        action="append",
        default=[],
        choices=[each.name for each in VARIANTS],
        metavar="NAME",
        help="measure this variant and the bare application; may be repeated (default: all of "
        + ", ".join(each.name for each in VARIANTS)
        + ")",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=FOLDER,
        metavar="DIR",
        help="where the results go (default: docs/benchmarks)",
    )
    return parser


_DESCRIPTION: Final = (
    "Measures CPU time and throughput of one application without telemetry, with the stack that most people "
    "copy, with logfire, and with ours feature by feature; in-process and over uvicorn with a real database "
    "call; with 1 and 100 routes. Installs the peers once, into the user's cache."
)


if __name__ == "__main__":
    sys.exit(main())
