from __future__ import annotations

import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.infra.stores.client import Login, StoreClient, StoreUnavailable
from app.infra.stores.prometheus import Prometheus
from app.infra.stores.queries import literally, selector
from stack.native import logins
from stack.native.probes import NO_CERTIFICATES
from tests.app.infra.stores.conftest import PASSWORD
from tests.collector_config.stores import selectors
from tests.programs import wait_until

# Unicode but for surrogates, which no request can carry.
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
HOSTILE = [
    'a"} or up{job=~".+',
    'a\\"} or vector(1) #',
    "a\nb",
    "`",
    "'",
    "\\",
    "\\x00",
    "\x00\x07\x1f\x7f\x85\u2028",
    "\U0001f600 é",
    "${__all}",
    ".*",
    "a|b",
    "",
]


@pytest.fixture
async def prometheus(prometheus_url: str) -> AsyncIterator[Prometheus]:
    client = StoreClient("prometheus", prometheus_url, seconds=20, login=Login(logins.USER, PASSWORD))
    yield Prometheus(client)
    await client.close()


@pytest.fixture(scope="session")
def parse(prometheus_url: str) -> Any:  # noqa: ANN401 - Prometheus' own syntax tree
    """Prometheus' parser."""
    auth = (logins.USER, PASSWORD)
    with httpx.Client(base_url=prometheus_url, auth=auth, verify=NO_CERTIFICATES, timeout=30) as client:

        def parsed(expression: str) -> Any:  # noqa: ANN401 - as above
            answer = client.post("/api/v1/parse_query", data={"query": expression})
            assert answer.status_code == 200, answer.text
            return answer.json()["data"]

        yield parsed


async def test_samples_and_series_are_read(prometheus: Prometheus, prometheus_url: str) -> None:
    up = selector("up", {"job": "prometheus"})
    auth = (logins.USER, PASSWORD)

    def scraped() -> bool:
        answer = httpx.post(
            f"{prometheus_url}/api/v1/query", data={"query": f"{up} == 1"}, auth=auth, verify=NO_CERTIFICATES
        )
        return bool(answer.json()["data"]["result"])

    wait_until(scraped, "Prometheus has scraped itself")
    [sample] = await prometheus.query(up)
    assert (sample.labels["__name__"], sample.labels["job"], sample.value) == ("up", "prometheus", 1)
    now = datetime.now(UTC)
    assert abs(sample.timestamp - now.timestamp()) < 300
    [series] = await prometheus.query_range(up, now - timedelta(minutes=1), now, 5)
    assert {value for _, value in series.points} <= {0, 1}
    assert series.labels == sample.labels
    assert await prometheus.query(up, at=now - timedelta(days=1)) == []


async def test_a_scalar_and_what_is_no_number_are_samples_too(prometheus: Prometheus) -> None:
    [one] = await prometheus.query("scalar(vector(1))")
    [none] = await prometheus.query("vector(0) / 0")
    [infinite] = await prometheus.query("vector(1) / 0")
    assert (one.labels, one.value) == ({}, 1)
    assert math.isnan(none.value)
    assert infinite.value == math.inf


async def test_an_expression_that_is_none_is_refused_by_name(prometheus: Prometheus) -> None:
    with pytest.raises(StoreUnavailable) as raised:
        await prometheus.query("rate(up)")
    assert raised.value.answered == 400


async def test_a_wrong_login_is_an_error_of_the_store(prometheus_url: str) -> None:
    client = StoreClient("prometheus", prometheus_url, seconds=20, login=Login(logins.USER, "wrong"))
    with pytest.raises(StoreUnavailable, match="answered 401"):
        await Prometheus(client).query("up")
    await client.close()


def check(parse: Any, text: str) -> None:  # noqa: ANN401 - as above
    expression = selector(
        "up",
        {"job": text},
        unequal={"instance": text},
        any_of={"path": [text, "b"]},
        none_of={"method": [text]},
        window="5m",
        offset="1w",
    )
    [found] = [each for each in selectors(parse(expression)) if each["type"] == "matrixSelector"]
    assert (found["name"], found["range"], found["offset"]) == ("up", 300_000, 7 * 86_400_000)
    wanted = [
        ("job", "=", text),
        ("instance", "!=", text),
        ("path", "=~", f"{literally(text)}|b"),
        ("method", "!~", literally(text)),
        ("__name__", "=", "up"),
    ]
    assert [(each["name"], each["type"], each["value"]) for each in found["matchers"]] == wanted


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_one_value(parse: Any, text: str) -> None:  # noqa: ANN401 - as above
    check(parse, text)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXT)
def test_any_text_stays_one_value(parse: Any, text: str) -> None:  # noqa: ANN401 - as above
    check(parse, text)


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": "up or vector(1)"},
        {"name": ""},
        {"name": "up", "equal": {'job="a",x': "b"}},
        {"name": "up", "window": "5m] or up[5m"},
        {"name": "up", "window": "-5m"},
        {"name": "up", "offset": "1w or up"},
        {"name": "up", "equal": {"job": "half \ud800"}},
    ],
)
def test_names_and_durations_are_checked(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"query|surrogates"):
        selector(**arguments)
