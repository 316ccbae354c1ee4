from __future__ import annotations

from app.infra.mongo import Database
from app.lms.certificates.schemas import Certificate


class CertificateRepository:
    """Issued certificates, one document each, never changed."""

    def __init__(self, database: Database) -> None:
        self._certificates = database.collection("certificates")

    async def insert(self, certificate: Certificate) -> None:
        """Stores a new certificate.

        Raises:
            DuplicateId: It was issued before.
        """
        await self._certificates.insert(certificate.document())

    async def find(self, certificate_id: str) -> Certificate | None:
        """Returns the certificate ``certificate_id``."""
        document = await self._certificates.find_one({"_id": certificate_id})
        return None if document is None else Certificate.read(document)
