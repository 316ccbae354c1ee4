"""The canary: sends a numbered span, metric point and log record at an interval and checks that they arrive.

It sends the Collector one of each, as any service does, queries the stores until each has arrived, and serves
the results as its own metrics, to be scraped. People read the runbooks of alerts from it, too.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
import uuid
from collections.abc import Sequence
from functools import partial
from typing import Final

from otel import ConfigError
from stack.canary import served, stores
from stack.canary.flight import Flight
from stack.canary.items import SIGNALS, send
from stack.canary.settings import Settings
from stack.canary.verdict import Verdict

# Covers a request that is in flight when the canary is asked to stop.
_JOIN_SECONDS: Final = 6.0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs until SIGTERM or SIGINT and returns 0; returns 1 if a setting is wrong or the port is taken."""
    _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())
    try:
        settings = Settings.from_env()
        run(settings, stop)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def run(settings: Settings, stop: threading.Event) -> None:
    """Serves verdict and runbooks, and sends the three signals until ``stop`` is set.

    Raises:
        ConfigError: the listen address cannot be used.
    """
    verdict = Verdict(settings.seconds)
    host, port = settings.listen
    try:
        server = served.listening(host, port, verdict.registry)
    except OSError as error:
        taken = f"CANARY_LISTEN {host}:{port} cannot be used: {error.strerror}."
        raise ConfigError("CANARY_LISTEN", taken) from None
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    flights = [
        threading.Thread(target=each.fly, args=(stop,), daemon=True) for each in _flights(settings, verdict)
    ]
    for thread in flights:
        thread.start()
    stop.wait()
    for thread in flights:
        thread.join(_JOIN_SECONDS)
    server.shutdown()
    server.server_close()
    serving.join()


def _flights(settings: Settings, verdict: Verdict) -> list[Flight]:
    asked = {
        "traces": stores.traces(settings.traces, settings.traces_headers),
        "metrics": stores.prometheus(settings.prometheus, settings.prometheus_headers),
        "logs": _log_store(settings),
    }
    run_id = str(uuid.uuid4())
    give = partial(send, settings.edge, settings.token_file)
    return [Flight(each, run_id, give, asked[each], settings.seconds, verdict) for each in SIGNALS]


def _log_store(settings: Settings) -> stores.Store:
    if settings.victorialogs:
        return stores.victorialogs(settings.victorialogs, settings.victorialogs_headers)
    return stores.loki(settings.loki or "")


def _parser() -> argparse.ArgumentParser:
    lines = [f"  {each.key:<28} {each.sentence} ({_default(each.default)})" for each in Settings.variables()]
    return argparse.ArgumentParser(
        prog="python -m stack.canary",
        description=__doc__,
        epilog="environment variables:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _default(value: str | None) -> str:
    return "required" if value is None else f"default: {value or 'none'}"


if __name__ == "__main__":
    sys.exit(main())
