from __future__ import annotations

import jwt
import pytest

from app.lms.services import Services
from otel.testing import Captured
from tests.app.people import Api, Person


@pytest.fixture
async def learner(api: Api) -> Person:
    return await api.student("Ada Lovelace")


@pytest.fixture
async def certificate_id(api: Api, learner: Person) -> str:
    course = await api.course(await api.instructor(), title="Tracing", quizzes=[])
    await learner.post(f"/courses/{course}/enrollments")
    done = await learner.put(f"/courses/{course}/lessons/spans/completion")
    found: str = done.json()["certificate_id"]
    return found


async def test_anyone_can_look_a_certificate_up(api: Api, certificate_id: str, telemetry: Captured) -> None:
    shown = (await api.client.get(f"/certificates/{certificate_id}")).json()
    assert (shown["valid"], shown["holder"], shown["course_title"]) == (True, "Ada Lovelace", "Tracing")
    assert "user_id" not in shown
    assert telemetry.value("lms.certificate.verifications", {"outcome": "valid"}) == 1


async def test_anyone_can_verify_one_without_us(api: Api, certificate_id: str) -> None:
    token = (await api.client.get(f"/certificates/{certificate_id}")).json()["token"]
    keys = (await api.client.get("http://lms.test/.well-known/jwks.json")).json()
    assert all("d" not in key for key in keys["keys"])
    (key,) = jwt.PyJWKSet.from_dict(keys).keys
    stated = jwt.decode(token, key, algorithms=["EdDSA"], issuer="stegmaier-lms")
    assert (stated["jti"], stated["name"]) == (certificate_id, "Ada Lovelace")


async def test_a_statement_is_verified(api: Api, certificate_id: str) -> None:
    token = (await api.client.get(f"/certificates/{certificate_id}")).json()["token"]
    good = (await api.client.post("/certificates/verification", json={"token": token})).json()
    assert (good["valid"], good["certificate_id"], good["holder"]) == (True, certificate_id, "Ada Lovelace")


async def test_an_altered_statement_is_not_valid(api: Api, certificate_id: str, telemetry: Captured) -> None:
    token = (await api.client.get(f"/certificates/{certificate_id}")).json()["token"]
    header, _, signature = token.split(".")
    claims = jwt.decode(token, options={"verify_signature": False}) | {"name": "Mallory"}
    payload = jwt.encode(claims, "k" * 32).split(".")[1]
    answer = await api.client.post(
        "/certificates/verification", json={"token": f"{header}.{payload}.{signature}"}
    )
    assert (answer.status_code, answer.json()["valid"], answer.json()["holder"]) == (200, False, None)
    assert answer.json()["reason"]
    assert telemetry.value("lms.certificate.verifications", {"outcome": "invalid"}) == 1


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"holder": "Mallory"}, id="holder"),
        pytest.param({"token": "x.y.z"}, id="token"),
        pytest.param({"course_title": "Medicine"}, id="course"),
    ],
)
async def test_an_altered_record_is_not_valid(
    change: dict[str, str], api: Api, services: Services, certificate_id: str
) -> None:
    stored = services.certificates._repository._certificates
    assert await stored.update({"_id": certificate_id}, {"$set": change})
    shown = await api.client.get(f"/certificates/{certificate_id}")
    assert shown.json()["valid"] is False


async def test_a_certificate_does_not_identify_the_account(
    api: Api, services: Services, certificate_id: str, learner: Person
) -> None:
    path = f"/certificates/{certificate_id}"
    shown = (await api.client.get(path)).json()
    assert learner.id not in str([shown, jwt.decode(shown["token"], options={"verify_signature": False})])

    # One that was issued when tokens named the account.
    stated = jwt.decode(shown["token"], options={"verify_signature": False}) | {"sub": learner.id}
    header = jwt.get_unverified_header(shown["token"])
    key = services.certificates._signer._private
    earlier = jwt.encode(stated, key, algorithm="EdDSA", headers=header)
    stored = services.certificates._repository._certificates
    assert await stored.update({"_id": certificate_id}, {"$set": {"token": earlier}})
    assert (await api.client.get(path)).json() == shown
    verified = await api.client.post("/certificates/verification", json={"token": earlier})
    assert verified.json()["valid"] is True
    assert learner.id not in verified.text
