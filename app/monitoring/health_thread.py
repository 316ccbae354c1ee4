"""A thread for probes that may block for ever: a disk that is gone, a name server that does not answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from typing import Any, Final, TypeVar

_T = TypeVar("_T")

THREAD_PREFIX: Final = "health-"


class OwnThread:
    """Runs blocking functions outside the event loop, one at a time, each in a daemon thread.

    Neither other users of the loop's thread pool (passwords, DNS) nor the process's end wait for one that
    hangs.
    """

    def __init__(self, name: str) -> None:
        self._name = f"{THREAD_PREFIX}{name}"
        self._last: Future[Any] | None = None

    async def run(self, function: Callable[[], _T]) -> _T:
        """Returns what ``function`` returns, or raises what it raises; first waits for an earlier call's end.

        A caller that is cancelled leaves its call running.
        """
        while self._last is not None and not self._last.done():
            with suppress(Exception):  # which its own caller got
                await asyncio.wrap_future(self._last)
        call: Future[_T] = Future()
        call.set_running_or_notify_cancel()  # from here on nobody can cancel it
        self._last = call
        work, arguments = copy_context().run, (_complete, call, function)
        threading.Thread(target=work, args=arguments, name=self._name, daemon=True).start()
        return await asyncio.wrap_future(call)


def _complete(call: Future[_T], function: Callable[[], _T]) -> None:
    try:
        result = function()
    except BaseException as error:  # noqa: BLE001 - whatever it raises is its result
        call.set_exception(error)
    else:
        call.set_result(result)
