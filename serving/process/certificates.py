"""When certificates end: X.509 read here (RFC 5280, 4.1), as the standard library tells it of peers alone."""

import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
VERSION, UTC_TIME = 0xA0, 0x17  # tags; a certificate may lack the first
VALIDITY = 3  # after serial number, algorithm and issuer


def first_end_s(pem: bytes) -> float | None:
    """Seconds since 1970 at which the first of some certificates ends; None if there is none."""
    found = PEM.findall(pem.decode(errors="replace"))
    return min((_end_s(ssl.PEM_cert_to_DER_cert(one)) for one in found), default=None)


def _end_s(der: bytes) -> float:
    ((_, certificate),) = _values(der)
    _, signed = next(_values(certificate))
    fields = [content for tag, content in _values(signed) if tag != VERSION]
    _, (tag, text) = _values(fields[VALIDITY])
    form = "%y%m%d%H%M%SZ" if tag == UTC_TIME else "%Y%m%d%H%M%SZ"
    return datetime.strptime(text.decode(), form).replace(tzinfo=UTC).timestamp()


def _values(der: bytes) -> Iterator[tuple[int, bytes]]:
    """The tag and the content of each value."""
    at = 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length & 0x80:  # then so many bytes hold it
            size = length & 0x7F
            length, at = int.from_bytes(der[at : at + size]), at + size
        yield tag, der[at : at + length]
        at += length
