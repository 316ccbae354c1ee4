"""The probes and the health endpoint of a platform whose dependencies work."""

from __future__ import annotations

from app.core.settings.health import BUILT_IN
from tests.app.healths import TOKEN, checks_of
from tests.app.people import Api

PROBES = ("http://lms.test/livez", "http://lms.test/readyz", "http://lms.test/startupz")


async def test_a_healthy_platform_passes(api: Api) -> None:
    for path in (*PROBES, "/monitoring/health"):
        answer = await api.client.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "pass"})
        assert answer.headers["content-type"] == "application/health+json"


async def test_details_are_for_operators(api: Api) -> None:
    student, admin = await api.student(), await api.admin()
    assert (await student.get("/monitoring/health")).json() == {"status": "pass"}
    by_token = await api.client.get("/monitoring/health", headers=TOKEN)
    for answer in (await admin.get("/monitoring/health"), by_token):
        told = answer.json()
        assert told["status"] == "pass"
        assert "decidedBy" not in told
        assert told["components"]["mongodb"]["critical"] is True
        [entry] = told["checks"]["mongodb:responseTime"]
        assert (entry["componentId"], entry["componentType"]) == ("mongodb", "datastore")
        assert (entry["observedUnit"], entry["status"]) == ("ms", "pass")
        assert entry["observedValue"] > 0


async def test_the_settings_know_the_names_of_the_platforms_own_checks(api: Api) -> None:
    report = checks_of(api).report()
    names = {*(report.components or ()), *(report.unchecked or ())}
    assert names - {"sentry"} == BUILT_IN  # the error tracker of these tests
