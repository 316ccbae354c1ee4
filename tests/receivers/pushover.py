"""Pushover's Message API (pushover.net/api), behind a proxy: Alertmanager has no setting for its address."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Annotated, Final, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from tests.collector_config.certificates import certificates
from tests.receivers.endpoint import Endpoint, Handler, Reply, Request
from tests.receivers.phones import Url

TOKEN: Final = "planted1pushover2token3abcdefg"
USER_KEY: Final = "planted1pushover2user3abcdefgh"
HOST: Final = "api.pushover.net"
EMERGENCY: Final = 2
_PATH: Final = "/1/messages.json"
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{30}$")]


class Notice(BaseModel):
    """A message; parameters are text."""

    model_config = ConfigDict(extra="forbid")

    token: Key
    user: Key
    title: Annotated[str, Field(max_length=250)] = ""
    message: Annotated[str, Field(min_length=1, max_length=1024)]
    url: Annotated[Url, Field(max_length=512)] | None = None
    url_title: Annotated[str, Field(max_length=100)] = ""
    priority: Annotated[int, Field(ge=-2, le=2)] = 0
    retry: int = 0
    expire: int = 0
    ttl: Annotated[int, Field(gt=0)] | None = None
    device: str = ""
    sound: str = ""

    @model_validator(mode="after")
    def _an_emergency_is_repeated(self) -> Self:
        if self.priority == EMERGENCY and not (self.retry >= 30 and 0 < self.expire <= 10_800):
            raise ValueError("priority 2 needs retry (at least 30 s) and expire (at most 10800 s)")
        return self


class Pushover(Endpoint):
    """Keeps the messages to its one user; a proxy that connects to Pushover only, which it is itself.

    Args:
        folder: where its certificate is written; ``certificate`` is the path that a client must trust.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.notices: list[Notice] = []
        self.certificate, key, _ = certificates(folder, HOST)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(self.certificate, key)
        self.handler = _Proxy

    def judge(self, request: Request) -> Reply:
        """Answers `status` 1 to a message, and 0 with `errors` to anything else."""
        parts = urlsplit(request.path)
        if (request.method, parts.path) != ("POST", _PATH):
            return self.refuse(f"{request.method} {request.path}", _status(404, "no such method"))
        try:
            notice = Notice.model_validate(dict(parse_qsl(parts.query)))
        except ValidationError as error:
            return self.refuse(str(error), _status(400, str(error)))
        if (notice.token, notice.user) != (TOKEN, USER_KEY):
            return self.refuse("another token or user", _status(400, "application token is invalid"))
        self.notices.append(notice)
        return _status(200)


class _Proxy(Handler):
    def do_CONNECT(self) -> None:  # noqa: N802 - named after the method
        """Becomes the host that was asked for, with its certificate."""
        pushover = self.server.endpoint
        assert isinstance(pushover, Pushover)
        if self.path != f"{HOST}:443":
            pushover.refuse(f"CONNECT {self.path}", Reply(403))
            self.send_error(403)
            return
        self.send_response(200)
        self.end_headers()
        self.connection = pushover.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
        self.close_connection = False

    def finish(self) -> None:
        super().finish()
        self.connection.close()


def _status(status: int, *errors: str) -> Reply:
    fields = {"status": int(not errors), "request": "647d2300-702c-4b38-8b2f-d56326ae460b"}
    return Reply(status, json.dumps({**fields, "errors": errors} if errors else fields), "application/json")
