"""The platform as a process of its own, for tests that talk to it over real connections."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from stack.native.probes import NO_CERTIFICATES
from tests.app.conftest import GENEROUS, SEED
from tests.app.people import ADMIN_PASSWORD
from tests.backends import with_database
from tests.programs import Program, free_port

ROOT = Path(__file__).parents[2]
METRICS_TOKEN = "metrics-token-of-the-tests"
ALERTS_TOKEN = "alerts-token-of-the-tests"
SECRETS = {
    "LMS_JWT_SECRET": "a secret of the tests, 32 bytes or more",
    "LMS_CERTIFICATE_KEY": SEED,
    "LMS_ADMIN_PASSWORD": ADMIN_PASSWORD,
    "LMS_METRICS_TOKEN": METRICS_TOKEN,
    "LMS_ALERTS_TOKEN": ALERTS_TOKEN,
}
QUIET = {
    "OTEL_TRACES_EXPORTER": "none",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "TELEMETRY_LOG_FORMAT": "json",
}


def clean_environment() -> dict[str, str]:
    """Returns an environment with no setting but those of this module."""
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("LMS_", "OTEL_", "TELEMETRY_"))
    }
    return {**kept, "PYTHONPATH": str(ROOT), **SECRETS, **QUIET}


@contextmanager
def served_platform(
    folder: Path, mongodb_url: str, redis_url: str, environment: Mapping[str, str], port: int | None = None
) -> Iterator[tuple[Program, str, Path]]:
    """Yields the platform's process once it is ready, its address and its log; stops it afterwards.

    It is configured by a `.env` file in ``folder``, has a database of its own and refuses nobody for too many
    requests.
    """
    port = port or free_port()
    values = {
        "LMS_PORT": port,
        "LMS_STARTUP_SECONDS": 60,
        "LMS_RATE_LIMITS": GENEROUS,
        "LMS_RATE_LIMIT_REDIS_SECONDS": 10,
        "MONGODB_URL": with_database(mongodb_url, f"test_{secrets.token_hex(6)}"),
        "REDIS_URL": redis_url,
        **environment,
    }
    (folder / ".env").write_text("".join(f"{key}={value}\n" for key, value in values.items()))
    log, url = folder / "app.log", f"http://127.0.0.1:{port}"
    program = Program([sys.executable, "-m", "app"], log, clean_environment(), folder)

    def ready() -> bool:
        try:
            return httpx.get(f"{url}/readyz", timeout=2, verify=NO_CERTIFICATES).status_code == 200
        except httpx.HTTPError:
            return False

    try:
        program.ready(ready)
        yield program, url, log
    finally:
        program.stop()
