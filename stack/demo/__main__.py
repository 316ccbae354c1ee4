"""The demo's command line: ``python -m stack.demo catalogue`` and ``python -m stack.demo learners``."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from app.core.settings import Settings
from stack import environment
from stack.demo.catalogue import TIMEOUT, DemoError, load, unreachable
from stack.demo.plan import plan
from stack.demo.run import Run
from stack.settings import SettingsError

CONNECTIONS: Final = 20
REPORT_EVERY: Final = 5.0  # seconds, without a terminal
INTERRUPTED: Final = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; 1 if something is wrong, 130 if it was interrupted."""
    arguments = _parser().parse_args(argv)
    try:
        url = address(arguments.url or _default_url(), allow_remote=arguments.allow_remote)
        if arguments.command == "catalogue":
            return _catalogue(url, arguments)
        return asyncio.run(_learners(url, arguments))
    except (DemoError, SettingsError) as error:
        print(error, file=sys.stderr)
        return 1
    except httpx.TransportError as error:
        print(unreachable(url, error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def address(url: str, *, allow_remote: bool) -> str:
    """Returns the URL if it may be put under load.

    Raises:
        DemoError: it is not an http(s) URL, or not this machine's.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise DemoError(f"--url is {url!r}: give an address such as http://127.0.0.1:8000")
    if not allow_remote and not _is_loopback(parts.hostname):
        raise DemoError(f"{parts.hostname} is not this machine: --allow-remote if you may put it under load")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _default_url() -> str:
    return f"http://127.0.0.1:{_settings().get('LMS_PORT') or '8000'}"


def _settings() -> Mapping[str, str]:
    """Returns the shell's settings, or those of `.env` if the shell has no admin password."""
    if os.environ.get("LMS_ADMIN_PASSWORD") or not environment.DOTENV.exists():
        return os.environ
    return environment.load().values


def _client(url: str) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=CONNECTIONS)
    # Without trust_env, as `load`.
    return httpx.AsyncClient(base_url=url, timeout=TIMEOUT, limits=limits, trust_env=False)


def _catalogue(url: str, arguments: argparse.Namespace) -> int:
    settings = _settings()
    email = arguments.email or settings.get("LMS_ADMIN_EMAIL") or Settings.model_fields["admin_email"].default
    password = settings.get("LMS_ADMIN_PASSWORD")
    if not password:
        raise DemoError("LMS_ADMIN_PASSWORD is not set: `make up` writes it to .env")
    print(load(url, email, password))
    return 0


async def _learners(url: str, arguments: argparse.Namespace) -> int:
    console = Console()
    run = Run(plan(arguments.seed, arguments.seconds, arguments.rate), arguments.seconds)
    async with _client(url) as client:
        await client.get("/livez")
        with _progress(console, run, arguments.seconds) as watch:
            await run.study(client, watch)
    console.print(run.tally.table())
    for answer in run.tally.examples():
        console.print(f"Not planned: {answer}", style="red", markup=False)
    if run.stopped:
        return INTERRUPTED
    return 1 if run.tally.wrong else 0


@contextmanager
def _progress(console: Console, run: Run, seconds: float) -> Iterator[Callable[[float], None]]:
    """Shows a bar on a terminal, otherwise a line every few seconds."""
    if not console.is_terminal:
        yield _lines(run, seconds)
        return
    columns = (
        TextColumn("Learners study"),
        BarColumn(),
        TextColumn("{task.fields[requests]} requests"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=seconds, requests=0)
        yield lambda passed: bar.update(task, completed=passed, requests=run.tally.requests)


def _lines(run: Run, seconds: float) -> Callable[[float], None]:
    due = REPORT_EVERY

    def report(passed: float) -> None:
        nonlocal due
        if passed >= due:
            print(f"{passed:.0f} of {seconds:.0f} s: {run.tally.requests} requests", flush=True)
            due += REPORT_EVERY

    return report


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stack.demo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    catalogue = commands.add_parser("catalogue", help="create the demo courses that the platform lacks")
    catalogue.add_argument(
        "--email",
        help="of an admin or instructor (default: LMS_ADMIN_EMAIL); the password is LMS_ADMIN_PASSWORD",
    )
    learners = commands.add_parser("learners", help="let simulated learners study")
    learners.add_argument("--seconds", type=_positive, default=60.0, help="length of the run (default: 60)")
    learners.add_argument(
        "--rate", type=_positive, default=5.0, help="requests per second to aim at (default: 5)"
    )
    learners.add_argument(
        "--seed", type=int, default=42, help="the same seed plans the same run (default: 42)"
    )
    for each in (catalogue, learners):
        each.add_argument("--url", help="of the platform (default: http://127.0.0.1 with LMS_PORT)")
        each.add_argument(
            "--allow-remote", action="store_true", help="allow an address that is not this machine's"
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
