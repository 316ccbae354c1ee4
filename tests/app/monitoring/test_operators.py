from __future__ import annotations

from tests.app.people import Api
from tests.app.problems import assert_problem

TOKEN = {"Authorization": "Bearer metrics-token-of-the-tests"}


async def test_metrics_are_for_operators(api: Api) -> None:
    assert_problem(await api.client.get("/monitoring/metrics"), 401, "not_authenticated")
    assert_problem(await (await api.student()).get("/monitoring/metrics"), 403, "role_required")
    wrong = await api.client.get("/monitoring/metrics", headers={"Authorization": "Bearer wrong"})
    assert_problem(wrong, 401, "token_invalid")


async def test_the_process_reports_what_happened_to_its_telemetry(api: Api) -> None:
    assert_problem(await api.client.get("/monitoring/telemetry"), 401, "not_authenticated")
    assert_problem(await (await api.student()).get("/monitoring/telemetry"), 403, "role_required")
    told = (await api.client.get("/monitoring/telemetry", headers=TOKEN)).json()
    assert set(told["signals"]) == {"traces", "metrics", "logs"}
    for account in told["signals"].values():
        dropped = sum(account["dropped"].values())
        assert account["produced"] == account["exported"] + dropped + account["pending"]
    assert told["errors"] == {"captured": 0, "dropped": {}}
    assert told["instance"].rpartition("-")[2].isdigit()


async def test_metrics_are_prometheus_text(api: Api) -> None:
    await api.student()
    answer = await api.client.get("/monitoring/metrics", headers=TOKEN)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "lms_registrations_total" in answer.text
    assert 'outcome="created"' in answer.text
