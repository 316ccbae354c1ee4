"""The script against a plain model of sliding windows, on a clock that the test sets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.infra.rate_limits.redis_script import BEGUN, Script

# The same script, except that its time comes from two keys: Redis' own clock cannot be set.
SCRIPT = Script("rate_limit.lua").source.replace(
    "redis.call('TIME')", "redis.call('MGET', '{lms:limits}:seconds', '{lms:limits}:microseconds')"
)
UNIT = 1_000_000_000  # so long that no key expires during the test
START = 1_800_000_000_000_000


@dataclass
class Model:
    """One rule: its windows as (length, limit), the longest last; the times of what it has counted."""

    cost: int
    shadow: bool
    windows: tuple[tuple[int, int], ...]
    times: list[int] = field(default_factory=list)

    def within(self, now: int, length: int) -> list[int]:
        return sorted(time for time in self.times if time > now - length)

    def settle(self, now: int) -> None:
        """A clock that went back: what was counted in the future is counted now, if that rule is full."""
        if any(limit - len(self.within(now, length)) < self.cost for length, limit in self.windows):
            self.times = [min(time, now) for time in self.times]

    def judge(self, now: int) -> list[tuple[int, int, int]]:
        self.times = self.within(now, self.windows[-1][0])  # what has left does not come back
        self.settle(now)
        found = []
        for length, limit in self.windows:
            held = self.within(now, length)
            lacks = self.cost - (limit - len(held))
            wait = held[lacks - 1] + length - now if lacks > 0 else 0
            reset = min(held[0] + length - now, length) if held else 0
            found.append((max(limit - len(held), 0), reset, wait))
        return found


windows = st.lists(
    st.tuples(st.sampled_from([10, 20, 50, 100]), st.integers(2, 6)),
    min_size=1,
    max_size=3,
    unique_by=lambda window: window[0],
).map(
    lambda found: tuple(
        sorted((length * UNIT, limit + place) for place, (length, limit) in enumerate(sorted(found)))
    )
)
rules = st.builds(Model, cost=st.integers(1, 2), shadow=st.booleans(), windows=windows)
# Steps that often end exactly at a window's edge, and some backwards.
edges = [
    0,
    1,
    10 * UNIT - 1,
    10 * UNIT,
    10 * UNIT + 1,
    20 * UNIT,
    50 * UNIT,
    100 * UNIT,
    -7 * UNIT,
    -200 * UNIT,
]
steps = st.lists(st.sampled_from([0, 0, 0, *edges]), max_size=30)


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url, decode_responses=True)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(models=st.lists(rules, min_size=1, max_size=3), moves=steps)
def test_the_script_does_what_the_model_does(
    client: redis.Redis, models: list[Model], moves: list[int]
) -> None:
    client.flushdb()
    models = [Model(each.cost, each.shadow, each.windows) for each in models]
    keys = [f"{{lms:limits}}:{number}" for number in range(len(models))]
    arguments = [
        number
        for each in models
        for number in (
            each.cost,
            int(each.shadow),
            len(each.windows),
            *(part for window in each.windows for part in window),
        )
    ]
    now, begun = START, 0
    for turn, move in enumerate(moves):
        now += move
        client.mset({"{lms:limits}:seconds": now // 1_000_000, "{lms:limits}:microseconds": now % 1_000_000})
        begun = begun or now
        given = [BEGUN, *keys, f"m{turn}", *map(str, arguments)]
        answer = str(client.eval(SCRIPT, 1 + len(keys), *given))
        assert list(map(int, answer.split())) == expected(models, now, begun)
    for key, model in zip(keys, models, strict=True):
        longest = model.windows[-1][0]
        held: Any = client.zrange(key, 0, -1, withscores=True)
        stored = [int(score) for _, score in held]
        assert [time for time in stored if time > now - longest] == model.within(now, longest)
        assert client.pttl(key) != -1
    client.close()


def expected(models: list[Model], now: int, begun: int) -> list[int]:
    """Returns what the script has to answer, and counts the request in the models."""
    judged = [each.judge(now) for each in models]
    fits = [not any(wait for _, _, wait in verdicts) for verdicts in judged]
    admitted = all(fit or each.shadow for fit, each in zip(fits, models, strict=True))
    answer = [int(admitted), begun]
    for model, verdicts, fit in zip(models, judged, fits, strict=True):
        counted = admitted and fit
        model.times += [now] * model.cost * counted
        for (remaining, reset, wait), (length, _) in zip(verdicts, model.windows, strict=True):
            answer += [remaining - model.cost * counted, reset or length * counted, wait]
    return answer
