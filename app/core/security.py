"""Tokens that identify a signed-in user. Pure: no network, no clock of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Literal

import jwt

from app.core.errors import TokenExpired, TokenInvalid
from app.core.identifiers import new_id

ISSUER: Final = "stegmaier-lms"
AUDIENCE: Final = "stegmaier-lms-api"
_ALGORITHM: Final = "HS256"
_REQUIRED: Final = ["iss", "aud", "sub", "exp", "iat", "jti", "typ", "fam"]


class Role(StrEnum):
    """What a user may do."""

    STUDENT = "student"
    INSTRUCTOR = "instructor"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Principal:
    """The signed-in caller; ``family`` is the session, ``role_version`` counts role changes."""

    id: str
    role: Role
    role_version: int
    family: str

    @property
    def is_admin(self) -> bool:
        """Tells whether the user may do everything."""
        return self.role is Role.ADMIN


@dataclass(frozen=True, slots=True)
class RefreshClaims:
    """A refresh token's claims: the session (``family``) that it extends, and its own identifier."""

    user_id: str
    family: str
    token_id: str


class Tokens:
    """Signs and reads access and refresh tokens (JWT, RFC 7519; HS256, RFC 7518)."""

    def __init__(self, secret: str, *, access_ttl: timedelta, refresh_ttl: timedelta) -> None:
        self._secret = secret
        self.access_ttl = access_ttl
        self.refresh_ttl = refresh_ttl

    def access(self, principal: Principal, now: datetime) -> str:
        """Returns an access token for ``principal``, valid for ``access_ttl`` from ``now``."""
        claims = self._claims("access", principal.id, principal.family, new_id("jti"), now, self.access_ttl)
        return self._sign({**claims, "role": principal.role.value, "role_version": principal.role_version})

    def refresh(self, user_id: str, family: str, token_id: str, now: datetime) -> str:
        """Returns the refresh token ``token_id`` of the session ``family``, valid for ``refresh_ttl``."""
        return self._sign(self._claims("refresh", user_id, family, token_id, now, self.refresh_ttl))

    def read_access(self, token: str, now: datetime) -> Principal:
        """Returns the user whom an access token names.

        Raises:
            TokenExpired: It has expired by ``now``.
            TokenInvalid: It was not signed here, was altered, or is not an access token.
        """
        claims = self._read(token, "access", now)
        try:
            role, version = Role(claims["role"]), int(claims["role_version"])
        except (KeyError, ValueError, TypeError) as error:
            raise TokenInvalid from error
        return Principal(id=claims["sub"], role=role, role_version=version, family=claims["fam"])

    def read_refresh(self, token: str, now: datetime) -> RefreshClaims:
        """Returns a refresh token's claims.

        Raises:
            TokenExpired: It has expired by ``now``.
            TokenInvalid: It was not signed here, was altered, or is not a refresh token.
        """
        claims = self._read(token, "refresh", now)
        return RefreshClaims(user_id=claims["sub"], family=claims["fam"], token_id=claims["jti"])

    @staticmethod
    def _claims(
        kind: Literal["access", "refresh"],
        user_id: str,
        family: str,
        token_id: str,
        now: datetime,
        ttl: timedelta,
    ) -> dict[str, Any]:
        return {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user_id,
            "jti": token_id,
            "typ": kind,
            "fam": family,
            "iat": now.timestamp(),
            "exp": (now + ttl).timestamp(),
        }

    def _sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self._secret, algorithm=_ALGORITHM)

    def _read(self, token: str, kind: str, now: datetime) -> dict[str, Any]:
        # PyJWT would check against the system clock; expiry is checked against `now` below.
        options: Any = {"require": _REQUIRED, "verify_exp": False, "verify_iat": False}
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._secret,
                algorithms=[_ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options=options,
            )
        except jwt.InvalidTokenError as error:
            raise TokenInvalid from error
        if claims["typ"] != kind:
            raise TokenInvalid
        if claims["exp"] <= now.timestamp():
            raise TokenExpired
        return claims
