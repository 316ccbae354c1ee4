"""Who may look: the admin, by a password and then by a cookie.

Sessions are known to the process alone: they end with it, and are in no file.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

USER: Final = "admin"
COOKIE: Final = "lms_boards"
"""A cookie's name is known to all ports of an address, so it is one of our own."""
SESSION_SECONDS: Final = 12 * 3600
ATTEMPTS: Final = 5
WITHIN_SECONDS: Final = 60.0
_MOST_ADDRESSES: Final = 1000


class Access:
    """The login, and the attempts of those who do not know it."""

    def __init__(self, password: str, clock: Callable[[], float] = time.time) -> None:
        self._password = _digest(password)
        self._sessions: dict[bytes, float] = {}  # until when each is valid
        self._clock = clock
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, address: str) -> int:
        """Returns how many seconds an address has to wait until it may try again; 0: it may now."""
        failed = self._recent(_key(address))
        return 0 if len(failed) < ATTEMPTS else max(1, round(failed[0] + WITHIN_SECONDS - self._clock()))

    def admits(self, user: str, password: str, address: str) -> bool:
        """Returns whether that is the login; takes the same time for every wrong one, and counts it."""
        given = _digest(password)
        right = hmac.compare_digest(given, self._password) & hmac.compare_digest(
            user.encode(errors="surrogatepass"), USER.encode()
        )
        if right:
            self._failed.pop(_key(address), None)
        else:
            self._count(_key(address))
        return right

    def session(self) -> str:
        """Begins a session; returns the value of its cookie."""
        now = self._clock()
        self._sessions = {each: until for each, until in self._sessions.items() if until > now}
        cookie = secrets.token_urlsafe(32)
        self._sessions[_digest(cookie)] = now + SESSION_SECONDS
        return cookie

    def knows(self, cookie: str) -> bool:
        """Returns whether a cookie is ours, and still valid."""
        return self._sessions.get(_digest(cookie), -math.inf) > self._clock()

    def end(self, cookie: str) -> None:
        """Ends a session, if the cookie is of one."""
        self._sessions.pop(_digest(cookie), None)

    def _recent(self, address: str) -> deque[float]:
        failed = self._failed.get(address, deque())
        while failed and failed[0] <= self._clock() - WITHIN_SECONDS:
            failed.popleft()
        return failed

    def _count(self, address: str) -> None:
        self._failed.setdefault(address, deque(maxlen=ATTEMPTS)).append(self._clock())
        self._failed.move_to_end(address)
        while len(self._failed) > _MOST_ADDRESSES:
            self._failed.popitem(last=False)


def _key(address: str) -> str:
    """Returns by what an address is counted: this machine has as many as it likes, and they count as one."""
    return "this machine" if address.startswith(("127.", "::ffff:127.")) or address == "::1" else address


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
