"""The client's address, also behind proxies that we trust; a header from anybody else changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.types import Scope

from app.core.addresses import UNKNOWN, Proxies, counted_as, parse

FORWARDED: Final = "forwarded"
X_FORWARDED_FOR: Final = "x-forwarded-for"

MOST_HOPS: Final = 32
_LONGEST: Final = 4096
_PAIR: Final = re.compile(
    # No two runs of spaces in a row: the time to refuse a long one would grow with its square.
    r'\s*(?:([!#$%&\'*+.^_`|~\w-]+)=("(?:[^"\\]|\\.)*"|[^\s";,]*)\s*)?(?:;|$)',
    re.ASCII,
)
_ESCAPED: Final = re.compile(r"\\(.)")


class ClientAddresses:
    """Finds who sent a request: the right-most hop that is not one of our proxies.

    Each proxy appends the address that it saw to `X-Forwarded-For` or to `Forwarded` (RFC 7239), so only what
    trusted proxies appended is read: from the right, up to the first address that is no proxy of ours. A hop
    that is hidden, unknown or no address ends the search at the proxy that wrote it. Only ``header`` is read,
    because the other one comes from the client itself, past proxies that do not know it.
    """

    def __init__(self, proxies: Proxies, header: str = X_FORWARDED_FOR) -> None:
        self._proxies = proxies
        self._header = header.encode()
        self._hops = forwarded_for if header == FORWARDED else _from_the_right

    def settle(self, scope: Scope) -> None:
        """Puts the client's address into ``scope`` if proxies of ours forwarded the request."""
        if not self._trusts(scope.get("client")):
            return
        client = self._client(self._chain(scope["headers"]))
        if client is not None:
            scope["client"] = (client, 0)

    def _trusts(self, peer: tuple[str, int] | None) -> bool:
        if peer is None:
            return self._proxies.unix
        if not self._proxies.networks:
            return False
        address = parse(peer[0])
        return address is not None and self._proxies.covers(address)

    def _chain(self, headers: Iterable[tuple[bytes, bytes]]) -> Iterator[str]:
        """Returns the hops in our header, from the right."""
        lines = [value.decode("latin-1") for name, value in headers if name.lower() == self._header]
        return self._hops(",".join(lines)[-_LONGEST:])

    def _client(self, hops: Iterator[str]) -> str | None:
        client = None
        for hop in islice(hops, MOST_HOPS):
            address = parse(hop)
            if address is None:
                break
            client = str(address)
            if not self._proxies.covers(address):
                break
        return client


def _from_the_right(text: str) -> Iterator[str]:
    return reversed(text.split(","))


def forwarded_for(text: str) -> Iterator[str]:
    """Yields the `for` of each element of a `Forwarded` header from the right; empty if it has none.

    A client may send an element with an open quote. Read from the left, that would swallow what our proxy
    appended; from the right, the elements of our proxies come first and are whole.
    """
    for element in _elements(text):
        yield _for(element)


def _elements(text: str) -> Iterator[str]:
    end, is_quoted = len(text), False
    for place in range(len(text) - 1, -1, -1):
        character = text[place]
        if character == '"' and not (is_quoted and _is_escaped(text, place)):
            is_quoted = not is_quoted
        if character == "," and not is_quoted:
            yield text[place + 1 : end]
            end = place
    yield text[:end]


def _is_escaped(text: str, place: int) -> bool:
    start = place
    while start > 0 and text[start - 1] == "\\":
        start -= 1
    return (place - start) % 2 == 1


def _for(element: str) -> str:
    found: list[str] = []
    place = 0
    while place < len(element):
        pair = _PAIR.match(element, place)
        if pair is None:
            return ""
        if (pair[1] or "").lower() == "for":
            found.append(pair[2])
        place = pair.end()
    if len(found) != 1:  # none, or two, which RFC 7239 (4) forbids
        return ""
    return _ESCAPED.sub(r"\1", found[0].strip('"'))


def client_address(scope: Scope) -> str:
    """Returns what is counted for the sender of a request, see `counted_as`."""
    client = scope.get("client")
    return counted_as(client[0]) if client else UNKNOWN


def _address(request: Request) -> str:
    return client_address(request.scope)


ClientAddress = Annotated[str, Depends(_address)]
