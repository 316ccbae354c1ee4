from __future__ import annotations

from datetime import timedelta

import jwt
import pytest

from app.core.errors import TokenExpired, TokenInvalid
from app.core.security import Principal, Role, Tokens
from tests.app.fixed_clock import FixedClock

SECRET = "a secret of the tests, 32 bytes or more"
STUDENT = Principal("usr_1", Role.STUDENT, role_version=0, family="fam_1")
ADMIN = Principal("usr_1", Role.ADMIN, role_version=0, family="fam_1")


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(SECRET, access_ttl=timedelta(minutes=10), refresh_ttl=timedelta(days=14))


def test_an_access_token_names_its_user(tokens: Tokens, clock: FixedClock) -> None:
    principal = Principal("usr_1", Role.INSTRUCTOR, role_version=3, family="fam_1")
    assert tokens.read_access(tokens.access(principal, clock.now()), clock.now()) == principal
    assert not principal.is_admin


def test_a_token_expires(tokens: Tokens, clock: FixedClock) -> None:
    token = tokens.access(STUDENT, clock.now())
    clock.advance(timedelta(minutes=10))
    with pytest.raises(TokenExpired):
        tokens.read_access(token, clock.now())


def test_a_refresh_token_grants_no_access(tokens: Tokens, clock: FixedClock) -> None:
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
