"""Request tokens and user hashes: what leaves the gateway about a request and a person, keyed."""

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass

from serving.errors import FieldViolation, InvalidRequest

VERSION = "1"
MAC_BYTES = 16
_TIME = struct.Struct("<q")


@dataclass(frozen=True, slots=True)
class TokenContent:
    """Which answer a token belongs to."""

    admitted_at_us: int
    request_id: str
    bundle_id: str


class RequestTokens:
    """Issues url-safe tokens, and reads only those issued under the same key.

    A token is `1.` and the base64 form of: the time, the request id after its length, the bundle id,
    and the first 16 bytes of HMAC-SHA-256 over all before it.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, content: TokenContent) -> str:
        request_id = content.request_id.encode()
        payload = (
            _TIME.pack(content.admitted_at_us)
            + bytes([len(request_id)])
            + request_id
            + content.bundle_id.encode()
        )
        return f"{VERSION}.{_encoded(payload + self._mac(payload))}"

    def read(self, token: str) -> TokenContent:
        """Raises InvalidRequest for anything that this key didn't issue."""
        payload, mac = self._decoded(token)
        if not hmac.compare_digest(mac, self._mac(payload)):
            raise _refused()
        (admitted_at_us,) = _TIME.unpack_from(payload)
        start = _TIME.size + 1
        end = start + payload[_TIME.size]
        return TokenContent(admitted_at_us, payload[start:end].decode(), payload[end:].decode())

    def _decoded(self, token: str) -> tuple[bytes, bytes]:
        version, _, encoded = token.partition(".")
        if version != VERSION:
            raise _refused()
        try:
            content = base64.b64decode(encoded + "=" * (-len(encoded) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise _refused() from error
        if _encoded(content) != encoded:  # one content has one token
            raise _refused()
        return content[:-MAC_BYTES], content[-MAC_BYTES:]

    def _mac(self, payload: bytes) -> bytes:
        message = VERSION.encode() + payload
        return hmac.digest(self._key, message, hashlib.sha256)[:MAC_BYTES]


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def derived_key(key: bytes, purpose: str) -> bytes:
    """A key of its own for a purpose, so that one purpose's output says nothing of another's."""
    return hmac.digest(key, f"recserve {purpose}".encode(), hashlib.sha256)


def user_hash(key: bytes, user_id: str) -> bytes:
    """HMAC-SHA-256, 32 bytes: the same person under the same key, nobody without it."""
    return hmac.digest(key, user_id.encode(), hashlib.sha256)


def _refused() -> InvalidRequest:
    return InvalidRequest(
        (FieldViolation("request_token", "was not issued by this service; send it back unchanged"),)
    )
