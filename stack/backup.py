"""Records that a backup of the database has succeeded, for the alert BackupTooOld."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Final

from stack.canary.settings import token as read_token
from stack.canary.web import UnansweredError, request

METRIC: Final = "lms.backup.last_success.timestamp"
"""In Prometheus ``lms_backup_last_success_timestamp_seconds``."""


class BackupError(Exception):
    """The backup could not be recorded; the message says why."""


def record(collector: str, token: str) -> None:
    """Sends the Collector one point: a backup has succeeded now.

    Args:
        collector: address of its OTLP/HTTP receiver, without a path.
        token: its bearer token.

    Raises:
        BackupError: it was not accepted.
    """
    now = time.time()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    try:
        answer = request("POST", f"{collector}/v1/metrics", _body(now), headers)
    except UnansweredError as error:
        raise BackupError(
            f"The backup is not recorded: {error}. Is the stack running? `make status`"
        ) from None
    if not answer.well:
        raise BackupError(
            f"The backup is not recorded: {collector} answered {answer.status}: {answer.text()}"
        )


def _body(now: float) -> bytes:
    point = {"timeUnixNano": str(int(now * 1e9)), "asDouble": now}
    metric = {
        "name": METRIC,
        "unit": "s",
        "description": "When a backup of the database last succeeded, in seconds since 1970.",
        "gauge": {"dataPoints": [point]},
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "backup"}}]}
    content = {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [metric]}]}]}
    return json.dumps(content).encode()


def main() -> int:
    """Records it from a container, whose variables name the Collector and the token's file."""
    try:
        token = read_token(Path(os.environ["OTLP_TOKEN_FILE"]))
        record(os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"], token)
    except KeyError as error:
        print(f"{error.args[0]} is not set: run this in the canary's container.", file=sys.stderr)
        return 1
    except (OSError, ValueError, BackupError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
