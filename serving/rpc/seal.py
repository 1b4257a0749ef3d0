"""Texts that callers bring back unchanged, and that nobody else can have made."""

import base64
import binascii
import hashlib
import hmac

MAC_BYTES = 16


class Seal:
    """Url-safe base64 of some bytes and the first 16 bytes of HMAC-SHA-256 over them."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def closed(self, content: bytes) -> str:
        return base64.urlsafe_b64encode(content + self._mac(content)).rstrip(b"=").decode()

    def opened(self, text: str) -> bytes | None:
        """None of anything that this key didn't close."""
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        content, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
        return content if hmac.compare_digest(mac, self._mac(content)) else None

    def _mac(self, content: bytes) -> bytes:
        return hmac.digest(self._key, content, hashlib.sha256)[:MAC_BYTES]
