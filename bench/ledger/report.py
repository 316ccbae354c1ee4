"""The ledger as a table for the terminal, as a page and as data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench.ledger.outcome import Outcome, Shown
from bench.machine import described

DOCS: Final = Path(__file__).resolve().parent.parent.parent / "docs"
COLUMNS: Final = ("sink", "signal", "sent", "acknowledged", "stored", "lost", "duplicated", "repeated")


def table(outcome: Outcome) -> str:
    """Returns one scenario for the terminal, with a verdict."""
    if outcome.skipped:
        return f"  skipped: {outcome.skipped}\n"
    lines = ["  " + "".join(f"{column:<13}" for column in COLUMNS)]
    lines += ["  " + "".join(f"{asdict(row)[column]!s:<13}" for column in COLUMNS) for row in outcome.rows]
    answers = ", ".join(f"{code}: {count}" for code, count in sorted((outcome.answers or {}).items()))
    lines.append(f"  answers to the sender: {answers}")
    lines += [f"  shown by {each.evidence.metric}: {each.value:g}; {_alert(each)}" for each in outcome.shown]
    lines += [f"  PROBLEM {problem}" for problem in outcome.problems]
    verdict = "kept its promise" if not outcome.problems else "FAILED"
    return "\n".join([*lines, f"  {verdict} in {outcome.seconds:.1f} s", ""])


def _alert(shown: Shown) -> str:
    return f"{shown.evidence.alert} {'fired' if shown.fired else 'DID NOT FIRE'}"


def data(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Returns all counts, machine-readable."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": described(),
        "scenarios": [_scenario(outcome) for outcome in outcomes],
    }


def _scenario(outcome: Outcome) -> dict[str, Any]:
    scenario = outcome.scenario
    return {
        "name": scenario.name,
        "title": scenario.title,
        "skipped": outcome.skipped,
        "seconds": round(outcome.seconds, 1),
        "rows": [asdict(row) for row in outcome.rows],
        "answers": dict(outcome.answers or {}),
        "losses_expected": dict(scenario.losses),
        "evidence": [
            {
                "metric": each.evidence.metric,
                "labels": dict(each.evidence.labels),
                "value": each.value,
                "alert": each.evidence.alert,
                "fired": each.fired,
            }
            for each in outcome.shown
        ],
        "problems": list(outcome.problems),
    }


_HEAD: Final = """\
# The ledger: what was acknowledged, and what is stored

Written by `make ledger` ({moment}, {machine}); the same figures as data are in `ledger.json`.

Numbered spans, points and records go over OTLP/HTTP into the real Collector with the fragments of
`collector-config/`, and from there, through a proxy that plays the fault, into the real Prometheus,
VictoriaLogs and Jaeger. Like an SDK, a sender retries after 429, 502, 503, 504 and broken connections.
At the end the stores are queried for the numbers they hold.

- **sent**: put on the wire at least once. **acknowledged**: answered with 2xx; from then on the Collector
  is responsible for it. **stored**: sent and found in the store.
- **lost**: acknowledged and not stored. **duplicated**: returned more than once by the store. **repeated**:
  delivered to the store more than once, because delivery is at least once; VictoriaLogs keeps both.
- An outage "longer than the default retry" exceeds the exporter's default of 300 s, in time that runs 60
  times faster (as do the fragments' retry pauses), unless the title says unscaled.
- Where items must be lost or rejected, the page names the metric that shows it and the alert that fired: the
  ledger's Prometheus scrapes the Collector and loads the rules of `alertmanager/rules/`.
- The Collector is the lean build with `mask.yaml`. A scenario whose name ends in `-stock` runs the contrib
  image's chain: stock processors.
- The last scenario is a control: a Collector with the defaults that public demonstrations use. It must lose
  items; otherwise the ledger could not detect a loss.

"""


def page(outcomes: Sequence[Outcome]) -> str:
    """Returns the ledger as Markdown."""
    parts = [_HEAD.format(moment=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", machine=described())]
    parts += [_summary(outcomes), *(_section(outcome) for outcome in outcomes)]
    return "".join(parts)


def _summary(outcomes: Sequence[Outcome]) -> str:
    lines = ["| scenario | lost of acknowledged | duplicated | verdict |", "|---|---|---|---|"]
    for outcome in outcomes:
        rows = [row for row in outcome.rows if row.sink != "sentry"]
        lost = ", ".join(f"{row.sink} {row.lost} of {row.acknowledged}" for row in rows if row.lost)
        total = f"0 of {sum(row.acknowledged for row in rows)}"
        verdict = outcome.skipped and f"skipped: {outcome.skipped}"
        verdict = verdict or ("**FAILED**" if outcome.problems else "as promised")
        name = f"[{outcome.scenario.name}](#{outcome.scenario.name})"
        lines.append(f"| {name} | {lost or total} | {sum(row.duplicated for row in rows)} | {verdict} |")
    return "\n".join([*lines, "", ""])


def _section(outcome: Outcome) -> str:
    title = outcome.scenario.title
    lines = [f"## {outcome.scenario.name}", "", title[0].upper() + title[1:] + ".", ""]
    if outcome.skipped:
        return "\n".join([*lines, f"Not played: {outcome.skipped}.", "", ""])
    lines += ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    lines += [
        "| " + " | ".join(str(asdict(row)[column]) for column in COLUMNS) + " |" for row in outcome.rows
    ]
    answers = ", ".join(f"{code}: {count}" for code, count in sorted((outcome.answers or {}).items()))
    lines += ["", f"Answers to the sender: {answers}."]
    reasons = sorted({f"{sink}: {why}" for sink, why in outcome.scenario.losses.items()})
    lines += ["", "Lost because:", *(f"- {reason}" for reason in reasons)] if reasons else []
    lines += [""] if outcome.shown or outcome.problems else []
    lines += [
        f"- shown by `{each.evidence.metric}` = {each.value:g}; {_alert(each)}" for each in outcome.shown
    ]
    lines += [f"- **problem**: {problem}" for problem in outcome.problems]
    return "\n".join([*lines, "", ""])


def write(outcomes: Sequence[Outcome]) -> tuple[Path, Path]:
    """Writes docs/ledger.md and docs/ledger.json and returns their paths."""
    DOCS.mkdir(exist_ok=True)
    written = DOCS / "ledger.md", DOCS / "ledger.json"
    written[0].write_text(page(outcomes))
    written[1].write_text(json.dumps(data(outcomes), indent=1) + "\n")
    return written
