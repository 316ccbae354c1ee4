"""Measures the rate limiter against peers: ``python -m bench.limits [--short] [--rounds N]``."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.arguments import positive
from bench.limits.environment import peers_python
from bench.limits.measure import measure
from bench.limits.report import FOLDER, verdicts, write
from bench.process import BenchError
from stack.native.tools import ToolError, ensure

_ROUNDS: Final = 7
_REQUESTS: Final = 800
_INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 if everything was measured and written, 2 if something failed."""
    options = _parser().parse_args(arguments)
    load = f"load average {os.getloadavg()[0]:.1f}"
    try:
        python = peers_python()
        ensure(["redis-server"])
        rounds = 2 if options.short else options.rounds
        found = asyncio.run(measure(rounds, _REQUESTS, python))
    except (BenchError, ToolError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted; every process is stopped and nothing is written.", file=sys.stderr)
        return _INTERRUPTED
    written = write(found, load, options.output)
    print("\n".join(verdicts(found)))
    print("Written: " + ", ".join(str(path) for path in written))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.limits", description=__doc__)
    parser.add_argument("--short", action="store_true", help="two rounds: a look, not a result")
    parser.add_argument("--rounds", type=positive, default=_ROUNDS, metavar="N", help=f"default: {_ROUNDS}")
    parser.add_argument("--output", type=Path, default=FOLDER, metavar="DIR", help="default: docs/benchmarks")
    return parser


if __name__ == "__main__":
    sys.exit(main())
