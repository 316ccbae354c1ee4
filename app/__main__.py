"""Serves the learning platform: ``python -m app``. Settings come from the environment and from ``.env``."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path

import uvicorn
from dotenv import dotenv_values

import otel
from app.core.errors import DatabaseUnavailable
from app.core.settings import Settings, load_settings
from app.http.server import Limits, bounded
from app.infra.mongo import Database, DatabaseRefused, address
from app.main import create_app

EXIT_SETTINGS = 2
EXIT_DATABASE = 1
EXIT_INTERRUPTED = 130
ENV_FILE = Path(".env")


def main(arguments: list[str] | None = None) -> int:
    """Serves until stopped; returns one of the exit codes that `--help` lists."""
    _parser().parse_args(arguments)
    _read_env_file(ENV_FILE)
    try:
        settings = load_settings()
        otel.TelemetryConfig.from_env()
        create_app(settings)  # so that a mistake in the rules of the rate limiter is one sentence, too
    except otel.ConfigError as error:
        return _fail(EXIT_SETTINGS, *error.sentences)
    try:
        asyncio.run(_wait_for_database(settings))
    except DatabaseUnavailable:
        where, seconds = address(settings.mongodb_url), settings.startup_seconds
        return _fail(
            EXIT_DATABASE, f"The database at {where} did not answer within {seconds:g} s; see MONGODB_URL."
        )
    except KeyboardInterrupt:
        return _fail(EXIT_INTERRUPTED, "Interrupted while waiting for the database.")
    except DatabaseRefused as error:
        where = address(settings.mongodb_url)
        return _fail(
            EXIT_DATABASE, f"The database at {where} rejected the connection ({error}); see MONGODB_URL."
        )
    _serve(settings)
    return 0


def _parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog="python -m app",
        description=__doc__,
        epilog=f"Exit codes: {EXIT_SETTINGS} wrong settings, {EXIT_DATABASE} database not reachable, "
        f"{EXIT_INTERRUPTED} interrupted while waiting for it. "
        "All settings with their defaults are in .env.example.",
    )


def _read_env_file(path: Path) -> None:
    """Sets the file's variables that the environment lacks; the workers inherit them."""
    for key, value in dotenv_values(path).items():
        if value is not None:
            os.environ.setdefault(key, value)


async def _wait_for_database(settings: Settings) -> None:
    """Waits before the workers start, so that a missing database is one message, not one traceback each."""
    database = Database(settings.mongodb_url, seconds=settings.database_seconds)
    started = time.monotonic()

    def progress() -> None:
        waited = time.monotonic() - started
        print(
            f"Waiting for the database at {address(settings.mongodb_url)} "
            f"({waited:.0f} of {settings.startup_seconds:g} s)",
            file=sys.stderr,
        )

    try:
        await database.wait(settings.startup_seconds, progress)
    finally:
        database.close()


def _serve(settings: Settings) -> None:
    uvicorn.run(
        "app.main:build",
        factory=True,
        http=bounded(Limits.of(settings)),
        ws="none",  # the platform has no WebSockets
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        access_log=False,  # the telemetry's access log has the trace and request ids
        log_config=None,  # the telemetry formats all logs
        timeout_graceful_shutdown=settings.shutdown_seconds,
        server_header=False,
        proxy_headers=False,  # ClientAddresses reads them; uvicorn would believe every peer on loopback
    )


def _fail(code: int, *sentences: str) -> int:
    for sentence in sentences:
        print(sentence, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
