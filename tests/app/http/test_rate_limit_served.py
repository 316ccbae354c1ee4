"""Limits over real connections: a refusal comes before the body, and workers share what they count."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
import pytest

from tests.app.served import served_platform

RULES: Final = """\
rules:
  - {name: few, scope: ip, route: /api/v1/courses, method: GET, limits: [{limit: 12, window: 1h}]}
  - {name: registrations, scope: ip, route: /api/v1/users, method: POST, limits: [{limit: 1, window: 1h}]}
"""


@pytest.mark.usefixtures("empty_redis_url")
def test_refusals_come_before_the_body_and_workers_share_limits(
    tmp_path: Path, mongodb_url: str, redis_url: str
) -> None:
    (tmp_path / "rules.yml").write_text(RULES)
    environment = {"LMS_WORKERS": "2", "LMS_RATE_LIMITS": str(tmp_path / "rules.yml")}
    with served_platform(tmp_path, mongodb_url, redis_url, environment) as (_, url, _log):
        assert httpx.post(f"{url}/api/v1/users", json={}, trust_env=False).status_code == 422
        assert head_alone(url).startswith(b"HTTP/1.1 429 ")
        # A connection each, so that both workers serve some. No header makes the peer anybody else.
        forged = [
            {"X-Forwarded-For": f"192.0.2.{number}", "Forwarded": f"for=192.0.2.{number}"}
            for number in range(40)
        ]
        answers = [httpx.get(f"{url}/api/v1/courses", headers=each, trust_env=False) for each in forged]
    assert [answer.status_code for answer in answers].count(200) == 12
    assert {answer.status_code for answer in answers} == {200, 429}


def head_alone(url: str) -> bytes:
    """Announces a body, sends none, and returns the response."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        lines = (
            "POST /api/v1/users HTTP/1.1",
            "Host: x",
            "Content-Type: application/json",
            "Content-Length: 100",
        )
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        return connection.recv(65_536)
