"""Health probes: each speaks the protocol of the part it checks."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import httpx
import pymongo
import pymongo.errors
import redis

SECONDS: Final = 3.0
# Parts speak plain HTTP; httpx would load the system's certificates for each request, at 45 ms.
NO_CERTIFICATES: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
POSTGRES_SSL_REQUEST: Final = struct.pack("!ii", 8, 80877103)  # PostgreSQL's documentation, "Message Formats"


@dataclass(frozen=True)
class Health:
    """A part's health; ``detail`` is empty if healthy, else the problem, and never contains a secret."""

    well: bool
    detail: str = ""


def http(url: str) -> Health:
    """Healthy if GET returns a 2xx."""
    try:
        answer = httpx.get(url, timeout=SECONDS, trust_env=False, verify=NO_CERTIFICATES)
    except httpx.HTTPError as error:
        return Health(well=False, detail=f"no answer ({type(error).__name__})")
    if answer.is_success:
        return Health(well=True)
    return Health(well=False, detail=f"HTTP {answer.status_code}: {' '.join(answer.text.split())[:300]}")


def postgres(port: str) -> Health:
    """Healthy if the server on the loopback port answers PostgreSQL's SSL request."""
    try:
        with socket.create_connection(("127.0.0.1", int(port)), timeout=SECONDS) as connection:
            connection.settimeout(SECONDS)
            connection.sendall(POSTGRES_SSL_REQUEST)
            well = connection.recv(1) in {b"S", b"N"}
    except OSError as error:
        return Health(well=False, detail=f"no answer ({error.strerror or type(error).__name__})")
    return Health(well, "" if well else "something that is not PostgreSQL answers")


def mongodb(url: str) -> Health:
    """Healthy if the database accepts the credentials and answers `ping`."""
    milliseconds = int(SECONDS * 1000)
    try:
        with pymongo.MongoClient[dict[str, object]](
            url,
            serverSelectionTimeoutMS=milliseconds,
            connectTimeoutMS=milliseconds,
            socketTimeoutMS=milliseconds,
        ) as client:
            client.get_default_database("lms").command("ping")
    except pymongo.errors.OperationFailure as error:
        return Health(well=False, detail=f"refused (code {error.code})")
    except (pymongo.errors.PyMongoError, ValueError) as error:
        return Health(well=False, detail=f"no answer ({type(error).__name__})")
    return Health(well=True)


def cache(url: str) -> Health:
    """Healthy if Redis accepts the credentials and answers PING."""
    try:
        with redis.Redis.from_url(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS) as client:
            client.ping()
    except redis.AuthenticationError:
        return Health(well=False, detail="the password is refused")
    except (redis.RedisError, ValueError) as error:
        return Health(well=False, detail=f"no answer ({type(error).__name__})")
    return Health(well=True)


PROBES: Final[Mapping[str, Callable[[str], Health]]] = {
    "http": http,
    "postgres": postgres,
    "mongodb": mongodb,
    "redis": cache,
}
