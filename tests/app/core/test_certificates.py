from __future__ import annotations

import jwt
import pytest

from app.core.certificates import CertificateClaims, CertificateInvalid, CertificateSigner
from tests.app.conftest import SEED
from tests.app.fixed_clock import FixedClock


@pytest.fixture
def signer() -> CertificateSigner:
    return CertificateSigner(SEED)


@pytest.fixture
def claims(signer: CertificateSigner, clock: FixedClock) -> CertificateClaims:
    return CertificateClaims(
        certificate_id=signer.certificate_id("usr_1", "tracing"),
        holder="Ada Lovelace",
        course_id="tracing",
        course_title="Tracing",
        issued_at=clock.now(),
    )


def test_the_key_id_is_that_of_rfc_8037(signer: CertificateSigner) -> None:
    assert signer.key_id == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"  # appendix A.3, the same key


def test_a_certificate_states_its_claims(signer: CertificateSigner, claims: CertificateClaims) -> None:
    assert signer.verify(signer.sign(claims)) == claims


def test_anyone_verifies_with_the_published_key(signer: CertificateSigner, claims: CertificateClaims) -> None:
    (key,) = jwt.PyJWKSet.from_dict(signer.jwks()).keys
    token = signer.sign(claims)
    assert jwt.get_unverified_header(token)["kid"] == key.key_id
    stated = jwt.decode(token, key, algorithms=["EdDSA"], issuer="stegmaier-lms")
    assert stated["name"] == "Ada Lovelace"


@pytest.mark.parametrize("part", [0, 1, 2], ids=["header", "claims", "signature"])
def test_an_altered_certificate_is_refused(
    part: int, signer: CertificateSigner, claims: CertificateClaims
) -> None:
    parts = signer.sign(claims).split(".")
    middle = len(parts[part]) // 2
    flipped = "A" if parts[part][middle] != "A" else "B"
    parts[part] = parts[part][:middle] + flipped + parts[part][middle + 1 :]
    with pytest.raises(CertificateInvalid):
        signer.verify(".".join(parts))


def test_another_key_is_refused(signer: CertificateSigner, claims: CertificateClaims) -> None:
    others = CertificateSigner("A" * 43)
    with pytest.raises(CertificateInvalid):
        signer.verify(others.sign(claims))


def test_a_token_of_another_kind_is_not_a_certificate(
    signer: CertificateSigner, claims: CertificateClaims
) -> None:
    payload = {"iss": "stegmaier-lms", "sub": "usr_1", "jti": claims.certificate_id, "iat": 1}
    for headers in ({"typ": "JWT"}, {"typ": "lms-certificate+jwt"}):
        token = jwt.encode(payload, signer._private, algorithm="EdDSA", headers=headers)
        with pytest.raises(CertificateInvalid):
            signer.verify(token)


def test_identifiers_follow_from_learner_and_course(signer: CertificateSigner) -> None:
    assert signer.certificate_id("usr_1", "a") == signer.certificate_id("usr_1", "a")
    assert signer.certificate_id("usr_1", "a") != signer.certificate_id("usr_2", "a")
