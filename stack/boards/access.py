"""Who may look: the admin, by a password and then by a signed cookie.

The key of the signature is made at every start: sessions end with the process, and are in no file.
"""

from __future__ import annotations

import hashlib
import hmac
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
        self._password = hashlib.sha256(password.encode()).digest()
        self._key = secrets.token_bytes(32)
        self._clock = clock
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, address: str) -> int:
        """Returns how many seconds an address has to wait until it may try again; 0: it may now."""
        failed = self._recent(address)
        return 0 if len(failed) < ATTEMPTS else max(1, round(failed[0] + WITHIN_SECONDS - self._clock()))

    def admits(self, user: str, password: str, address: str) -> bool:
        """Returns whether that is the login; takes the same time for every wrong one, and counts it."""
        given = hashlib.sha256(password.encode(errors="surrogatepass")).digest()
        right = hmac.compare_digest(given, self._password) & hmac.compare_digest(
            user.encode(errors="surrogatepass"), USER.encode()
        )
        if right:
            self._failed.pop(address, None)
        else:
            self._count(address)
        return right

    def session(self) -> str:
        """Returns the value of a cookie: until when it is valid, and the signature."""
        until = f"{self._clock() + SESSION_SECONDS:.0f}"
        return f"{until}.{self._signature(until)}"

    def knows(self, cookie: str) -> bool:
        """Returns whether a cookie is ours, and still valid."""
        until, _, signature = cookie.partition(".")
        ours = hmac.compare_digest(signature.encode(), self._signature(until).encode())
        return ours and until.isdecimal() and int(until) > self._clock()

    def _signature(self, until: str) -> str:
        return hmac.new(self._key, until.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()

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
