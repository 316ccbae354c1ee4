from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import BaseModel, Field, StringConstraints

from app.core.certificates import CertificateClaims
from app.core.records import Record

CertificateId = Annotated[
    str,
    StringConstraints(pattern=r"^crt_[0-9a-f]{32}$", max_length=36),
    Field(examples=["crt_9b1f6c0d2e3a4b5c6d7e8f9012345678"]),
]
TOKEN: Final = "eyJhbGciOiJFZERTQSJ9.eyJqdGkiOiJjcnRfOWIxZiJ9.kPrK_qmx"  # noqa: S105 - the shape of one


class Certificate(Record):
    """An issued certificate; ``token`` is the signed statement, the rest is its content."""

    user_id: str
    course_id: str
    course_title: str
    holder: str
    issued_at: datetime
    token: str

    def claims(self) -> CertificateClaims:
        """Returns the certificate's claims."""
        return CertificateClaims(
            certificate_id=self.id,
            holder=self.holder,
            course_id=self.course_id,
            course_title=self.course_title,
            issued_at=self.issued_at,
        )


class CertificateOut(BaseModel):
    """A certificate, as anyone may see it."""

    id: str = Field(examples=["crt_9b1f6c0d2e3a4b5c6d7e8f9012345678"])
    holder: str = Field(examples=["Ada Lovelace"])
    course_id: str = Field(examples=["tracing-basics"])
    course_title: str = Field(examples=["Tracing basics"])
    issued_at: datetime
    valid: bool = Field(description="Whether the signature is valid and matches our record.")
    token: str = Field(
        description="The signed statement (JWS, EdDSA); verify it with /.well-known/jwks.json.",
        examples=[TOKEN],
    )

    @classmethod
    def of(cls, certificate: Certificate, *, valid: bool) -> Self:
        """Returns the public fields of ``certificate``: all but the account."""
        return cls(valid=valid, **certificate.model_dump(exclude={"user_id"}))


class VerificationRequest(BaseModel):
    """Asks whether a certificate is ours."""

    token: str = Field(min_length=1, max_length=4000, description="The signed statement.", examples=[TOKEN])


class Verification(BaseModel):
    """Whether a certificate is ours, and what it states if it is."""

    valid: bool
    reason: str | None = Field(description="Why it is not valid.", examples=[None])
    certificate_id: str | None = Field(default=None, examples=["crt_9b1f6c0d2e3a4b5c6d7e8f9012345678"])
    holder: str | None = Field(default=None, examples=["Ada Lovelace"])
    course_id: str | None = Field(default=None, examples=["tracing-basics"])
    course_title: str | None = Field(default=None, examples=["Tracing basics"])
    issued_at: datetime | None = None
