"""Writes the bundle: ``python -m stack.bundle --service shop --out dist/shop``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from stack.alerting.errors import AlertingError
from stack.alerting.links import Links
from stack.bundle import boards, configuration, folder, readme, rules
from stack.bundle.wording import PLATFORM, BundleError, Wording

_LINKS: Final = Links()


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; 1 if the bundle cannot be written, and then says why and what to do."""
    options = _parser().parse_args(argv)
    try:
        out = Path(options.out or f"dist/bundle-{options.service}")
        links = Links(options.runbooks.rstrip("/"), options.grafana.rstrip("/"))
        found = files(options.service, options.environment, links, Path(options.alertmanager))
        folder.write(out, options.service, found)
    except (AlertingError, BundleError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{out}: {len(found)} files for {options.service}. Begin with {out / 'README.md'}.")
    return 0


def files(service: str, environment: str, links: Links, alertmanager: Path) -> dict[str, str]:
    """Returns the bundle's files by path.

    Args:
        service: the service's `service.name`.
        environment: whose overlay of thresholds is used; empty: none.
        links: where people open runbooks and dashboards.
        alertmanager: the folder in which Alertmanager will find its files.

    Raises:
        BundleError: the service's name is none.
        AlertingError: a source is wrong.
    """
    wording = Wording(service)
    found = rules.chosen(wording, environment, links)
    shown = boards.chosen(wording, found, environment)
    written = {f"prometheus/rules/{name}": text for name, text in found.texts().items()}
    written |= configuration.prometheus(wording)
    written |= configuration.alertmanager(wording, found, environment, alertmanager)
    written |= configuration.runbooks(wording, found, environment)
    written |= {f"grafana/dashboards/{path}": text for path, text in shown.files.items()}
    written |= configuration.provisioning(wording)
    written |= configuration.keda(wording, found, environment)
    return written | {"README.md": readme.text(wording, found, shown, links, alertmanager)}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stack.bundle",
        description="Writes rules, dashboards and configuration for any OpenTelemetry service as one folder.",
    )
    add = parser.add_argument
    add(
        "--service",
        default=os.environ.get("SERVICE") or PLATFORM,
        help="the service's service.name (default: SERVICE, or lms: the platform with all that is its own)",
    )
    add(
        "--out",
        default=os.environ.get("OUT", ""),
        help="the folder; an older bundle there is replaced (default: OUT, or dist/bundle-<service>)",
    )
    add(
        "--environment",
        default=os.environ.get("LMS_ENVIRONMENT", ""),
        help="the deployment whose thresholds are used (default: LMS_ENVIRONMENT, or none)",
    )
    add("--runbooks", default=_LINKS.runbooks, help="address of the folder of runbooks, for alerts")
    add("--grafana", default=_LINKS.grafana, help="address of Grafana, for alerts")
    add("--alertmanager", default="/etc/alertmanager", help="where Alertmanager finds its files")
    return parser


if __name__ == "__main__":
    sys.exit(main())
