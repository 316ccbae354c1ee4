from __future__ import annotations

from otel.testing import Captured
from tests.app.conftest import make_settings, serving
from tests.app.fixed_clock import FixedClock
from tests.app.people import Api
from tests.app.problems import assert_problem


async def test_there_is_no_demo_endpoint_by_default(api: Api) -> None:
    assert_problem(await (await api.student()).post("/demo/transcripts"), 404, "not_found")


async def test_the_demo_endpoint_fails_occasionally(
    empty_mongodb_url: str, empty_redis_url: str, telemetry: Captured, clock: FixedClock
) -> None:
    demo = make_settings(empty_mongodb_url, empty_redis_url, demo_failure_ratio=0.5)
    async with serving(demo, telemetry, clock) as api:
        learner = await api.student()
        answers = [(await learner.post("/demo/transcripts")).status_code for _ in range(20)]
        assert_problem(await api.client.post("/demo/transcripts"), 401, "not_authenticated")
    # Twenty even dice show one side only once in 2^19 times; of more failures a burst would hide some.
    assert set(answers) == {200, 500}
    assert len(telemetry.errors) == answers.count(500)
