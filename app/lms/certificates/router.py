from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path

from app.core.certificates import CertificateInvalid
from app.http.problems import refusals
from app.lms.certificates.schemas import (
    CertificateId,
    CertificateOut,
    Verification,
    VerificationRequest,
)
from app.lms.refusals import CertificateNotFound
from app.lms.services import Lms

JWKS_EXAMPLE = {
    "keys": [
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKx…", "kid": "kPrK_qmx…", "use": "sig", "alg": "EdDSA"}
    ]
}

router = APIRouter(prefix="/certificates", tags=["certificates"])
well_known = APIRouter(prefix="/.well-known", tags=["certificates"])


@router.get("/{certificate_id}", responses=refusals(CertificateNotFound))
async def read(certificate_id: Annotated[CertificateId, Path()], lms: Lms) -> CertificateOut:
    """Returns an issued certificate and whether it is valid; anyone may ask."""
    certificate, valid = await lms.certificates.look_up(certificate_id)
    return CertificateOut.of(certificate, valid=valid)


@router.post("/verification")
async def verify(request: VerificationRequest, lms: Lms) -> Verification:
    """Tells whether a certificate is ours and unaltered; anyone may ask."""
    try:
        claims = lms.certificates.verify(request.token)
    except CertificateInvalid as invalid:
        return Verification(valid=False, reason=str(invalid))
    return Verification(valid=True, reason=None, **claims.model_dump())


@well_known.get("/jwks.json", responses={200: {"content": {"application/json": {"example": JWKS_EXAMPLE}}}})
async def public_keys(lms: Lms) -> dict[str, Any]:
    """Returns the public keys that verify certificates without us (RFC 7517)."""
    return lms.certificates.public_keys()
