"""Asks a store over HTTP: one request, one time limit, one error."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeVar

import httpx
from pydantic import TypeAdapter

from app.core.errors import Conflict, Unavailable

LARGEST_ANSWER: Final = 16 * 1024 * 1024
_SHOWN: Final = 200  # characters of what a store says about a request that it refuses
_MOST_CONNECTIONS: Final = 20
_TOO_LARGE: Final = "answered with more than 16 MiB: ask for less"

Shape = TypeVar("Shape")
Parameters = Mapping[str, str | int]


class StoreUnavailable(Unavailable):
    """A store of metrics, alerts, logs or traces does not answer, or not as its API does.

    ``source`` is the store's name, ``reason`` says what happened, ``answered`` is the HTTP status if the
    store refused the request, ``is_too_large`` that the answer has more bytes than may be taken, ``is_late``
    that there was none in time.
    """

    code = "store_unavailable"
    title = "Store unavailable"
    sentence = "{source} {reason}; try again in a moment."
    example: ClassVar[Mapping[str, Any]] = {"source": "alertmanager", "reason": "did not answer within 3 s"}

    def __init__(
        self,
        source: str,
        reason: str = "does not answer",
        answered: int | None = None,
        *,
        is_too_large: bool = False,
        is_late: bool = False,
    ) -> None:
        super().__init__(source=source, reason=reason)
        self.source = source
        self.reason = reason
        self.answered = answered
        self.is_too_large = is_too_large
        self.is_late = is_late


class StoreNotConfigured(Conflict):
    """The operation needs a store whose address is not set."""

    code = "store_not_configured"
    title = "Store not configured"
    sentence = "{source} is not configured: set {variable}."
    example: ClassVar[Mapping[str, Any]] = {"source": "alertmanager", "variable": "LMS_ALERTMANAGER_URL"}


@dataclass(frozen=True, slots=True)
class Login:
    """A user name and a password, sent as basic authentication (RFC 7617)."""

    user: str
    password: str


class StoreClient:
    """The connections to one store.

    No proxy and no redirect, so that the login goes only where it was meant to. An answer that takes longer
    than ``seconds`` in all, or is larger than ``largest`` bytes, counts as none.
    """

    def __init__(
        self,
        source: str,
        address: str,
        *,
        seconds: float,
        login: Login | None = None,
        largest: int = LARGEST_ANSWER,
    ) -> None:
        self.source = source
        self._largest = largest
        self._seconds = seconds
        self._client = httpx.AsyncClient(
            base_url=address,
            auth=None if login is None else httpx.BasicAuth(login.user, login.password),
            timeout=seconds,
            trust_env=False,
            # Loading the certificates takes 45 ms, and nothing needs them for plain HTTP.
            verify=address.startswith("https:"),
            limits=httpx.Limits(max_connections=_MOST_CONNECTIONS),
        )

    async def get(self, shape: TypeAdapter[Shape], path: str, query: Parameters | None = None) -> Shape:
        """Returns the JSON at ``path``.

        Raises:
            StoreUnavailable: There is no answer in time, it is no success, or it has another shape.
        """
        return self.read(shape, await self.exchange("GET", path, params=query))

    async def search(self, shape: TypeAdapter[Shape], path: str, form: Parameters) -> Shape:
        """Returns the JSON that answers a query; it is sent in the body, so that no log has its text.

        Raises:
            StoreUnavailable: As `get`.
        """
        return self.read(shape, await self.exchange("POST", path, data=form))

    def read(self, shape: TypeAdapter[Shape], body: bytes) -> Shape:
        """Returns ``body``, which is JSON, in its shape.

        Raises:
            StoreUnavailable: It is something else.
        """
        try:
            return shape.validate_json(body)
        except ValueError:
            raise self.odd() from None

    def odd(self) -> StoreUnavailable:
        """Returns the error about an answer that has not the shape of the store's API."""
        return StoreUnavailable(self.source, "did not answer as its API does")

    async def exchange(self, method: str, path: str, **options: Any) -> bytes:  # noqa: ANN401 - as httpx
        """Sends one request and returns the answer's body; ``options`` are those of httpx.

        Raises:
            StoreUnavailable: As `get`, whatever the body is.
        """
        try:
            async with asyncio.timeout(self._seconds):
                return await self._exchange(method, path, options)
        except (TimeoutError, httpx.TimeoutException):
            reason, late = f"did not answer within {self._seconds:g} s", True
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            reason, late = f"does not answer ({type(error).__name__})", False
        raise StoreUnavailable(self.source, reason, is_late=late)

    async def _exchange(self, method: str, path: str, options: dict[str, Any]) -> bytes:
        body = bytearray()
        async with self._client.stream(method, path, **options) as answer:
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > self._largest:
                    raise StoreUnavailable(self.source, _TOO_LARGE, is_too_large=True)
        if not answer.is_success:
            said = " ".join(bytes(body[:_SHOWN]).decode(errors="replace").split())
            raise StoreUnavailable(self.source, f"answered {answer.status_code} ({said})", answer.status_code)
        return bytes(body)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()
