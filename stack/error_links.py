"""Where people find the error report of a trace."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from stack.environment import Environment

BUGSINK_PROJECT: Final = 1
PLACE: Final = "{trace_id}"
_SENTRY: Final = "sentry.io"


def error_link(environment: Environment) -> str:
    """Returns the address in the error tracker, with ``{trace_id}`` in the trace id's place.

    It is ``LMS_ERROR_LINK``; else that of the tracker behind ``SENTRY_DSN``, else of the stack's own Bugsink.
    """
    if environment.given("LMS_ERROR_LINK"):
        return environment.values["LMS_ERROR_LINK"]
    if environment.given("SENTRY_DSN"):
        host = urlsplit(environment.values["SENTRY_DSN"]).hostname or ""
        # Sentry's cloud takes events at another host (o1.ingest.sentry.io) than the one that people open.
        opened = _SENTRY if host.endswith(f".{_SENTRY}") else host
        return f"https://{opened}/issues/?query=trace:{PLACE}"
    bugsink = f"http://127.0.0.1:{environment.stack.port_bugsink}"
    return f"{bugsink}/issues/{BUGSINK_PROJECT}/all/?q=trace:{PLACE}"
