"""The application that is limited, for uvicorn: ``LIMITER`` names who limits it; ``none``: nobody."""

from __future__ import annotations

import os

from fastapi import Depends, FastAPI, HTTPException

from bench.limits.contestants import CONTESTANTS, Limits

GENEROUS = Limits(100_000, 100_000, 100_000)


def build() -> FastAPI:
    """Returns the application; uvicorn's factory."""
    app = FastAPI()
    name = os.environ["LIMITER"]
    dependencies = []
    if name != "none":
        limiter = CONTESTANTS[name](os.environ["REDIS_URL"], GENEROUS)

        async def limited() -> None:
            if not await limiter.decide("192.0.2.1"):
                raise HTTPException(429)

        dependencies.append(Depends(limited))

    @app.get("/", dependencies=dependencies)
    async def answer() -> dict[str, str]:
        return {"status": "ok"}

    return app
