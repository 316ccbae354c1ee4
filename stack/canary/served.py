"""What the canary serves: its metrics to Prometheus, the runbooks to people.

The canary serves them because it needs neither the platform nor a store: one of those is usually broken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

RUNBOOKS: Final = Path(__file__).resolve().parents[2] / "alertmanager" / "runbooks"
SECONDS: Final = 10.0
_RUNBOOK: Final = re.compile(r"/runbooks/([A-Z][A-Za-z0-9]{0,99})\.md")
_TEXT: Final = (("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff"))


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    timeout = SECONDS  # whoever connects and sends nothing would keep a thread

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Logs nothing: Prometheus asks every few seconds."""


def listening(host: str, port: int, registry: CollectorRegistry, runbooks: Path = RUNBOOKS) -> WSGIServer:
    """Returns a server that listens: ``/runbooks`` lists ``/runbooks/<Alert>.md``; the rest is metrics.

    Args:
        host: address to listen on.
        port: port to listen on.
        registry: the metrics.
        runbooks: the folder whose ``<Alert>.md`` are served as plain text, and nothing else of it.

    Raises:
        OSError: the address cannot be used.
    """
    return make_server(host, port, _application(registry, runbooks), _Server, _Handler)


def _application(registry: CollectorRegistry, runbooks: Path) -> WSGIApplication:
    metrics: WSGIApplication = make_wsgi_app(registry)

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/runbooks"):
            return _runbook(environ, start_response, runbooks)
        return metrics(environ, start_response)

    return application


def _runbook(environ: WSGIEnvironment, start_response: StartResponse, folder: Path) -> list[bytes]:
    if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
        start_response("405 Method Not Allowed", [*_TEXT, ("Allow", "GET, HEAD")])
        return [b"Runbooks can only be read: GET.\n"]
    body = _body(environ["PATH_INFO"], folder)
    if body is None:
        start_response("404 Not Found", [*_TEXT])
        return [b"There is no such runbook: /runbooks lists them.\n"]
    start_response("200 OK", [*_TEXT, ("Content-Length", str(len(body)))])
    return [body] if environ["REQUEST_METHOD"] == "GET" else []


def _body(path: str, folder: Path) -> bytes | None:
    """Returns a runbook, or the list of all for the folder itself; None if there is no such thing."""
    if path.rstrip("/") == "/runbooks":
        return "".join(f"/runbooks/{each.name}\n" for each in sorted(folder.glob("*.md"))).encode()
    named = _RUNBOOK.fullmatch(path)
    file = folder / f"{named[1]}.md" if named else None
    return file.read_bytes() if file and file.is_file() else None
