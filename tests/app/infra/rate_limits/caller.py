"""Asks a limiter of its own as often as told and prints how many requests it admitted: a second process."""

from __future__ import annotations

import asyncio
import sys

from tests.app.infra.rate_limits.limiters import asked, limiting, rule


async def main(url: str, times: int) -> int:
    """Returns how many of `times` requests were admitted."""
    async with limiting(url, rule("one", "ip", (100, "1h"))) as limiter:
        decisions = await asyncio.gather(*(limiter.decide(asked()) for _ in range(times)))
    return sum(each.allowed for each in decisions)


if __name__ == "__main__":
    print(asyncio.run(main(sys.argv[1], int(sys.argv[2]))))  # noqa: T201 - the answer to the test
