from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.core.settings import Settings
from otel.testing import Captured
from tests.app.conftest import make_settings, serving
from tests.app.fixed_clock import FixedClock
from tests.app.http.quotas import Limited
from tests.app.people import Api


@pytest.fixture
def limited(settings: Settings, telemetry: Captured, clock: FixedClock, tmp_path: Path) -> Limited:
    """Serves the platform with these rules."""

    @asynccontextmanager
    async def serve(*rules: str, **changes: object) -> AsyncIterator[Api]:
        path = tmp_path / "rules.yml"
        path.write_text("rules:\n" + "".join(f"  - {rule}\n" for rule in rules))
        own = make_settings(settings.mongodb_url, settings.redis_url, rate_limits=path, **changes)
        async with serving(own, telemetry, clock) as api:
            yield api

    return serve
