"""When certificates end, beside what a library of its own reads."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from serving.process.certificates import first_end_s

EC, RSA = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65_537, 2_048)


def certificate(end: datetime, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = EC) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a name of some length")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize("key", [EC, RSA])
@pytest.mark.parametrize("year", [2021, 2030, 2049, 2050, 9999])  # from 2050 in another form
def test_the_end_is_that_which_was_signed(
    year: int, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
) -> None:
    end = datetime(year, 2, 3, 4, 5, 6, tzinfo=UTC)
    pem = certificate(end, key)
    assert x509.load_pem_x509_certificate(pem).not_valid_after_utc == end
    assert first_end_s(pem) == end.timestamp()


def test_of_a_chain_the_first_end_counts() -> None:
    ends = [datetime(2030, 1, 1, tzinfo=UTC) + timedelta(days=days) for days in (9, 3, 6)]
    chain = b"some text\n".join(certificate(end) for end in ends)
    assert first_end_s(chain) == ends[1].timestamp()


def test_what_holds_no_certificate_has_no_end() -> None:
    assert first_end_s(b"\xff no certificate") is None
