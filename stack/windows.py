"""Compares the Collector's queues with the limits of this stack's stores (``make check`` runs it)."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from collector_kit import windows
from collector_kit.limits import Rule, WindowsError
from collector_kit.stores import Stores
from stack.settings import REPOSITORY, StackSettings


def rules(repository: Path, environ: Mapping[str, str]) -> list[Rule]:
    """Returns every relation between the queues' and the stores' windows, as configured in the repository.

    Raises:
        WindowsError: a value cannot be parsed.
        KeyError: a setting that the comparison needs is missing; the argument is its name.
    """
    return windows.rules(repository / "collector-config", stores(repository, environ), environ)


def stores(repository: Path, environ: Mapping[str, str]) -> Stores:
    """Returns the stores' configuration files, and the limits that the stack passes as flags."""
    kept = {name: field.default for name, field in StackSettings.model_fields.items()}
    metrics_mb = environ.get("STACK_METRICS_MAX_MB") or kept["metrics_max_mb"]
    logs_mb = environ.get("STACK_LOGS_MAX_MB") or kept["logs_max_mb"]
    return Stores(
        prometheus=repository / "stack/prometheus/prometheus.yml",
        loki=repository / "stack/loki/loki.yml",
        tempo=repository / "stack/tempo/tempo.yaml",
        retention={
            "Prometheus' retention": environ.get("STACK_RETENTION_METRICS") or kept["retention_metrics"],
            "the log store's retention": environ.get("STACK_RETENTION_LOGS") or kept["retention_logs"],
            "Jaeger's retention": environ.get("STACK_RETENTION_TRACES") or kept["retention_traces"],
        },
        metrics_bytes=float(metrics_mb) * 1024**2,
        logs_bytes=float(logs_mb) * 1000**2,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Prints one line per relation; returns 1 if one does not hold, 2 if a file cannot be read."""
    parser = argparse.ArgumentParser(
        prog="python -m stack.windows", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--quiet", action="store_true", help="print only what does not hold")
    quiet = parser.parse_args(argv).quiet
    try:
        return windows.report(rules(REPOSITORY, os.environ), quiet=quiet)
    except (WindowsError, KeyError) as error:
        print(f"the windows cannot be compared: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
