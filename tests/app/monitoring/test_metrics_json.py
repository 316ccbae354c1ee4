"""The metrics as JSON: of this process, and the platform's business figures from a real Prometheus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from otel.testing import Captured
from tests.app.conftest import make_settings, serving
from tests.app.fixed_clock import FixedClock
from tests.app.monitoring.fed_prometheus import STEPS, fed_prometheus
from tests.app.people import Api
from tests.app.problems import assert_problem

TOKEN = {"Authorization": "Bearer metrics-token-of-the-tests"}
PATH = "/monitoring/metrics/json"


async def page(api: Api, **query: str) -> dict[str, Any]:
    answer = await api.client.get(PATH, params=query, headers=TOKEN)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def typed(api: Api) -> set[str]:
    """Returns the names in the text; a metric shows from its first measurement on."""
    text = (await api.client.get("/monitoring/metrics", headers=TOKEN)).text
    return {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}


async def test_it_shows_what_the_text_shows(api: Api) -> None:
    await api.student()
    before = await typed(api)
    found = await page(api)
    names = [metric["name"] for metric in found["metrics"]]
    assert names == sorted(names)
    assert before <= set(names) <= await typed(api)
    by_name = {metric["name"]: metric for metric in found["metrics"]}
    assert by_name["lms_registrations_total"]["type"] == "counter"
    [created] = [
        each
        for each in by_name["lms_registrations_total"]["series"]
        if each["labels"] == {"outcome": "created"}
    ]
    assert created["value"] >= 1
    duration = by_name["http_server_request_duration_seconds"]
    assert duration["unit"] == "seconds"
    [registered] = [each for each in duration["series"] if each["labels"]["http_route"] == "/api/v1/users"]
    assert registered["value"] is None
    assert registered["count"] == registered["buckets"][-1]["count"] >= 1
    assert registered["buckets"][-1]["le"] is None
    assert registered["sum"] > 0


async def test_the_process_counts_its_own_people(api: Api) -> None:
    before = (await page(api))["process"]
    await api.student()
    found = await page(api)
    after = found["process"]
    assert after["scope"] == "process"
    assert after["registrations"]["created"] - before["registrations"].get("created", 0) == 1
    assert after["logins"]["success"] > before["logins"].get("success", 0)
    [registered, enrolled, completed] = after["funnel"]
    assert (registered["step"], enrolled["step"], completed["step"]) == (
        "registered",
        "enrolled",
        "completed",
    )
    assert registered["of_previous"] is None
    assert found["platform"] is None
    assert (found["partial"], found["missing"]) == (True, ["prometheus"])
    assert "LMS_PROMETHEUS_URL" in found["reasons"][0]["reason"]


async def test_a_prefix_selects_metrics(api: Api) -> None:
    names = [metric["name"] for metric in (await page(api, prefix="lms_lo"))["metrics"]]
    assert names == ["lms_logins_total"]
    assert (await page(api, prefix="nothing"))["metrics"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"prefix": "lms.*"}, "query.prefix"),
        ({"prefix": ""}, "query.prefix"),
        ({"prefix": "a" * 101}, "query.prefix"),
        ({"windw": "5m"}, "query.windw"),
        ({"window": "1w"}, "query.window"),
        ({"window": "1m"}, "query.window"),
    ],
)
async def test_a_bad_question_names_its_field(api: Api, query: dict[str, str], field: str) -> None:
    answer = await api.client.get(PATH, params=query, headers=TOKEN)
    assert_problem(answer, 422, "validation_failed", field)


async def test_it_is_for_operators(api: Api) -> None:
    assert_problem(await api.client.get(PATH), 401, "not_authenticated")
    assert_problem(await (await api.student()).get(PATH), 403, "role_required")


async def test_the_platforms_figures_are_prometheus(
    tmp_path: Path, empty_mongodb_url: str, empty_redis_url: str, telemetry: Captured, clock: FixedClock
) -> None:
    with fed_prometheus(tmp_path / "etc") as fed:
        fed.counter(
            "lms.funnel.learners",
            "{learner}",
            {(("step", "registered"),): 10, (("step", "enrolled"),): 5, (("step", "completed"),): 1},
        )
        fed.counter(
            "lms.quiz.attempts", "{attempt}", {(("outcome", "passed"),): 3, (("outcome", "failed"),): 1}
        )
        fed.gauge("lms.users.active", "{user}", {(("window", "5m"),): 7})
        settings = make_settings(empty_mongodb_url, empty_redis_url, prometheus_url=fed.url)
        async with serving(settings, telemetry, clock) as api:
            found = await page(api, window="10m")
    assert found["partial"] is False
    platform = found["platform"]
    assert (platform["scope"], platform["seconds"]) == ("platform", 600)
    assert platform["pass_rate"] == pytest.approx(0.75, abs=0.01)
    assert platform["active_users"] == {"5m": 7}
    registered, enrolled, completed = platform["funnel"]
    assert registered["learners"] == pytest.approx(10 * STEPS, rel=1.2 / STEPS)
    assert enrolled["of_previous"] == pytest.approx(0.5, abs=0.01)
    assert completed["of_previous"] == pytest.approx(0.2, abs=0.01)
    assert completed["of_first"] == pytest.approx(0.1, abs=0.01)
    assert platform["registrations"] == {}
