from __future__ import annotations

import time
from datetime import timedelta

import jwt
import pytest

from app.core.errors import TokenExpired, TokenInvalid
from app.core.security import Passwords, Principal, Role, Tokens
from tests.app.fixed_clock import FixedClock

SECRET = "a secret of the tests, 32 bytes or more"
STUDENT = Principal("usr_1", Role.STUDENT, role_version=0, family="fam_1")
ADMIN = Principal("usr_1", Role.ADMIN, role_version=0, family="fam_1")


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(SECRET, access_ttl=timedelta(minutes=10), refresh_ttl=timedelta(days=14))


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(memory_kib=7168, time_cost=2)


def test_an_access_token_names_its_user(tokens: Tokens, clock: FixedClock) -> None:
    principal = Principal("usr_1", Role.INSTRUCTOR, role_version=3, family="fam_1")
    assert tokens.read_access(tokens.access(principal, clock.now()), clock.now()) == principal
    assert not principal.is_admin


def test_a_token_expires(tokens: Tokens, clock: FixedClock) -> None:
    token = tokens.access(STUDENT, clock.now())
    clock.advance(timedelta(minutes=10))
    with pytest.raises(TokenExpired):
        tokens.read_access(token, clock.now())


def test_a_refresh_token_opens_nothing(tokens: Tokens, clock: FixedClock) -> None:
    with pytest.raises(TokenInvalid):
        tokens.read_access(tokens.refresh("usr_1", "fam_1", "ref_1", clock.now()), clock.now())


def test_an_access_token_refreshes_nothing(tokens: Tokens, clock: FixedClock) -> None:
    with pytest.raises(TokenInvalid):
        tokens.read_refresh(tokens.access(STUDENT, clock.now()), clock.now())


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"aud": "others"}, id="for others"),
        pytest.param({"iss": "others"}, id="from others"),
        pytest.param({"role": "king"}, id="unknown role"),
        pytest.param({"role": None}, id="no role"),
        pytest.param({"role_version": "new"}, id="no version"),
        pytest.param({"role_version": None}, id="version of nothing"),
    ],
)
def test_a_token_with_other_claims_is_not_ours(
    changes: dict[str, object], tokens: Tokens, clock: FixedClock
) -> None:
    signed = tokens.access(STUDENT, clock.now())
    claims = jwt.decode(signed, options={"verify_signature": False}) | changes
    forged = jwt.encode(claims, SECRET, algorithm="HS256")
    with pytest.raises(TokenInvalid):
        tokens.read_access(forged, clock.now())


def test_an_unsigned_token_is_refused(tokens: Tokens, clock: FixedClock) -> None:
    signed = tokens.access(ADMIN, clock.now())
    claims = jwt.decode(signed, options={"verify_signature": False})
    unsigned = jwt.encode(claims, key="", algorithm="none")
    with pytest.raises(TokenInvalid):
        tokens.read_access(unsigned, clock.now())


def test_a_foreign_key_is_refused(tokens: Tokens, clock: FixedClock) -> None:
    others = Tokens("another secret of 32 bytes or more", access_ttl=timedelta(1), refresh_ttl=timedelta(1))
    with pytest.raises(TokenInvalid):
        tokens.read_access(others.access(ADMIN, clock.now()), clock.now())


async def test_a_password_has_its_hash(passwords: Passwords) -> None:
    hashed = await passwords.hash("correct horse")
    assert hashed.startswith("$argon2id$")
    assert await passwords.verify("correct horse", hashed) == (True, None)
    assert (await passwords.verify("wrong horse", hashed))[0] is False


async def test_stronger_parameters_renew_the_hash(passwords: Passwords) -> None:
    weak = await passwords.hash("correct horse")
    right, renewed = await Passwords(memory_kib=9216, time_cost=2).verify("correct horse", weak)
    assert right
    assert renewed is not None
    assert "m=9216" in renewed


async def test_an_unknown_user_takes_as_long_as_a_known_one(passwords: Passwords) -> None:
    hashed = await passwords.hash("correct horse")
    await passwords.verify("x", None)

    async def seconds(stored: str | None) -> float:
        started = time.process_time()
        for _ in range(5):
            assert (await passwords.verify("wrong", stored))[0] is False
        return time.process_time() - started

    known, unknown = await seconds(hashed), await seconds(None)
    # Both hash once; a shortcut would be hundreds of times faster.
    assert unknown > known / 4
