from __future__ import annotations

from typing import Any

from app.core.certificates import CertificateClaims, CertificateInvalid, CertificateSigner
from app.core.clock import Clock
from app.core.telemetry import CERTIFICATE_VERIFICATIONS, CERTIFICATES_ISSUED
from app.infra.mongo import DuplicateId
from app.lms.certificates.repository import CertificateRepository
from app.lms.certificates.schemas import Certificate
from app.lms.courses.records import Course
from app.lms.refusals import CertificateNotFound
from app.lms.users.service import UserService
from otel import get_logger, traced

_log = get_logger(service="certificates")


class CertificateService:
    """Certificates: signed once, verifiable by anyone, here or without us."""

    def __init__(
        self, repository: CertificateRepository, users: UserService, signer: CertificateSigner, clock: Clock
    ) -> None:
        self._repository = repository
        self._users = users
        self._signer = signer
        self._clock = clock

    @traced("certificates.issue", arguments=("user_id",))
    async def issue(self, user_id: str, course: Course) -> str:
        """Issues a learner's certificate for a course unless there is one; returns its identifier.

        The identifier is derived from learner and course, so a repetition (after a crash) finds the first.

        Raises:
            UserNotFound: There is no such learner.
        """
        user = await self._users.get(user_id)
        claims = CertificateClaims(
            certificate_id=self._signer.certificate_id(user_id, course.id),
            holder=user.name,
            course_id=course.id,
            course_title=course.title,
            issued_at=self._clock.now(),
        )
        stated = claims.model_dump(exclude={"certificate_id"})
        token = self._signer.sign(claims)
        certificate = Certificate(id=claims.certificate_id, user_id=user_id, token=token, **stated)
        try:
            await self._repository.insert(certificate)
        except DuplicateId:
            return certificate.id
        CERTIFICATES_ISSUED.add(1)
        _log.info("certificate_issued", course_id=course.id, user_id=user_id)
        return certificate.id

    async def look_up(self, certificate_id: str) -> tuple[Certificate, bool]:
        """Returns an issued certificate, and whether its signature is valid and matches the record.

        Raises:
            CertificateNotFound: None was issued under this identifier.
        """
        certificate = await self._repository.find(certificate_id)
        if certificate is None:
            CERTIFICATE_VERIFICATIONS.add(1, {"outcome": "unknown"})
            raise CertificateNotFound(certificate_id=certificate_id)
        try:
            signed = self.verify(certificate.token)
        except CertificateInvalid:
            return certificate, False
        recorded = certificate.claims()
        # A token has whole seconds (RFC 7519), a record milliseconds.
        valid = signed == recorded.model_copy(update={"issued_at": recorded.issued_at.replace(microsecond=0)})
        # Signing again gives the same token, without the account that earlier tokens named.
        return certificate.model_copy(update={"token": self._signer.sign(signed)}), valid

    def verify(self, token: str) -> CertificateClaims:
        """Returns a certificate's claims.

        Raises:
            CertificateInvalid: It is not ours, or was altered.
        """
        try:
            claims = self._signer.verify(token)
        except CertificateInvalid:
            CERTIFICATE_VERIFICATIONS.add(1, {"outcome": "invalid"})
            raise
        CERTIFICATE_VERIFICATIONS.add(1, {"outcome": "valid"})
        return claims

    def public_keys(self) -> dict[str, Any]:
        """Returns the keys that verify certificates, as a JSON Web Key Set (RFC 7517)."""
        return self._signer.jwks()
