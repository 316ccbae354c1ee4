"""Counts what the Collector loses: ``python -m bench.ledger --short|--long|--scenario NAME|--list``."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from bench.ledger.door import silence_servers
from bench.ledger.outcome import Outcome, play
from bench.ledger.report import table, write
from bench.ledger.scenario import Scenario
from bench.ledger.scenarios import SCENARIOS
from bench.ledger.world import world
from bench.process import BenchError
from stack.native.tools import ToolError

_INTERRUPTED = 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.ledger",
        description="Sends numbered spans, points and records through the real Collector into the real "
        "stores, breaks something on the way, and counts what was acknowledged but is not stored.",
    )
    form = parser.add_mutually_exclusive_group(required=True)
    form.add_argument("--short", action="store_true", help="the scenarios of `make test`, about two minutes")
    form.add_argument("--long", action="store_true", help="all; writes docs/ledger.md and docs/ledger.json")
    form.add_argument("--scenario", action="append", metavar="NAME", help="only this one; may be repeated")
    form.add_argument("--list", action="store_true", help="print the scenarios and exit")
    return parser


def _chosen(options: argparse.Namespace) -> list[Scenario]:
    """Returns the scenarios of the command line.

    Raises:
        BenchError: a name is unknown.
    """
    known = {scenario.name: scenario for scenario in SCENARIOS}
    unknown = [name for name in options.scenario or () if name not in known]
    if unknown:
        raise BenchError(f"there is no scenario {unknown[0]!r}: choose from {', '.join(known)}")
    if options.scenario:
        return [known[name] for name in options.scenario]
    return [scenario for scenario in SCENARIOS if scenario.short or options.long]


async def _run(scenarios: Sequence[Scenario]) -> list[Outcome]:
    print("starting Prometheus, VictoriaLogs and Jaeger ...", file=sys.stderr, flush=True)
    outcomes = []
    async with world() as here:
        for count, scenario in enumerate(scenarios, 1):
            print(f"[{count}/{len(scenarios)}] {scenario.title} ...", file=sys.stderr, flush=True)
            outcomes.append(await play(here, scenario))
            print(table(outcomes[-1]), flush=True)
    return outcomes


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0 if every scenario kept its promise, 1 if one did not, 2 if it could not be measured."""
    options = _parser().parse_args(argv)
    if options.list:
        for scenario in SCENARIOS:
            print(f"{scenario.name:<22}{'short  ' if scenario.short else '       '}{scenario.title}")
        return 0
    try:
        outcomes = asyncio.run(_run(_chosen(options)))
    except (BenchError, ToolError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; everything that was started is stopped", file=sys.stderr)
        return _INTERRUPTED
    if options.long:
        print("written:", *write(outcomes))
    return 1 if any(outcome.problems for outcome in outcomes) else 0


if __name__ == "__main__":
    silence_servers()
    sys.exit(main())
