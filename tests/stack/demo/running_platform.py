"""The platform that the learners of these tests use."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Final

import httpx
import pymongo

from stack.native.probes import NO_CERTIFICATES

SEED: Final = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"  # RFC 8032, 7.1, test 1
ADMIN: Final = {"LMS_ADMIN_EMAIL": "admin@lms.example", "LMS_ADMIN_PASSWORD": "the admin of this test"}


@dataclass(frozen=True)
class Platform:
    """A running platform with the demo catalogue."""

    url: str
    mongodb_url: str
    first: str
    second: str

    def count(self, collection: str, **filter_: object) -> int:
        with pymongo.MongoClient[dict[str, object]](self.mongodb_url) as client:
            return client.get_default_database()[collection].count_documents(filter_)


def demo(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stack.demo", *arguments, "--url", url]
    environ = {**os.environ, **ADMIN}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environ)


def answers(url: str) -> bool:
    try:
        return httpx.get(url, verify=NO_CERTIFICATES).is_success
    except httpx.TransportError:
        return False
