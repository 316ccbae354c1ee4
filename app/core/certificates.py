"""Certificate signatures: made with our Ed25519 key, verifiable by anyone with the public key."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import BaseModel, ConfigDict, ValidationError

from app.core.base64url import decoded, encoded
from app.core.security import ISSUER

_ALGORITHM: Final = "EdDSA"
_TYPE: Final = "lms-certificate+jwt"


class CertificateInvalid(Exception):  # noqa: N818 - a verdict, not a failure
    """The token is not one of our certificates: altered, signed with another key, or something else."""


class CertificateClaims(BaseModel):
    """A certificate's claims: the holder's name, but nothing that identifies the account."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    certificate_id: str
    holder: str
    course_id: str
    course_title: str
    issued_at: datetime


class CertificateSigner:
    """Signs certificates as JWS with EdDSA (RFC 8037) and publishes the key that verifies them.

    ``seed`` is the Ed25519 seed in base64url, 32 bytes (RFC 8032).
    """

    def __init__(self, seed: str) -> None:
        self._seed = decoded(seed)
        self._private = Ed25519PrivateKey.from_private_bytes(self._seed)
        self._public = self._private.public_key()
        raw = self._public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        self._jwk = {"crv": "Ed25519", "kty": "OKP", "x": encoded(raw)}
        # The thumbprint is the hash of the required members in exactly this form (RFC 7638, RFC 8037 A.3).
        thumbprint = hashlib.sha256(json.dumps(self._jwk, separators=(",", ":"), sort_keys=True).encode())
        self.key_id: Final = encoded(thumbprint.digest())

    def certificate_id(self, user_id: str, course_id: str) -> str:
        """Returns the identifier of this user's certificate for this course.

        It is deterministic, so issuing twice changes nothing, and it cannot be guessed without the key.
        """
        digest = hmac.digest(self._seed, f"{user_id}:{course_id}".encode(), "sha256")
        return f"crt_{digest.hex()[:32]}"

    def sign(self, claims: CertificateClaims) -> str:
        """Returns the certificate as a compact JWS."""
        payload = {
            "iss": ISSUER,
            "jti": claims.certificate_id,
            "iat": int(claims.issued_at.timestamp()),
            "name": claims.holder,
            "course_id": claims.course_id,
            "course_title": claims.course_title,
        }
        headers = {"kid": self.key_id, "typ": _TYPE}
        return jwt.encode(payload, self._private, algorithm=_ALGORITHM, headers=headers)

    def verify(self, token: str) -> CertificateClaims:
        """Returns a certificate's claims.

        Raises:
            CertificateInvalid: It was not signed with our key, was altered, or is not a certificate.
        """
        options: Any = {"require": ["iss", "jti", "iat"], "verify_iat": False}
        try:
            decoded = jwt.decode_complete(
                token, self._public, algorithms=[_ALGORITHM], issuer=ISSUER, options=options
            )
        except jwt.InvalidTokenError as error:
            raise CertificateInvalid(str(error)) from error
        if decoded["header"].get("typ") != _TYPE:
            raise CertificateInvalid("the token is not a certificate")
        return _claims(decoded["payload"])

    def jwks(self) -> dict[str, Any]:
        """Returns the public key as a JSON Web Key Set (RFC 7517)."""
        return {"keys": [{**self._jwk, "kid": self.key_id, "use": "sig", "alg": _ALGORITHM}]}


def _claims(payload: dict[str, Any]) -> CertificateClaims:
    try:
        return CertificateClaims(
            certificate_id=payload["jti"],
            holder=payload["name"],
            course_id=payload["course_id"],
            course_title=payload["course_title"],
            issued_at=payload["iat"],
        )
    except (KeyError, ValidationError) as error:
        raise CertificateInvalid("the token lacks a certificate's claims") from error
