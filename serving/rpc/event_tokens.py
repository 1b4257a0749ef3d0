"""Event tokens: how far the streams of some people's partitions have to be known."""

import base64
import binascii
import hashlib
import hmac
import struct
from collections.abc import Mapping

from serving.errors import FieldViolation, InvalidRequest
from serving.types import Position

VERSION = b"\x01"
MAC_BYTES = 16
LONGEST_TOKEN = 1_132  # characters: of one with all partitions
_ENTRY = struct.Struct("<BqI")  # partition, milliseconds, number


class EventTokens:
    """Issues url-safe tokens, and reads only those issued under the same key.

    A token is the base64 form of a version byte, an entry a partition, and the first 16 bytes of HMAC-SHA-256
    over both.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, positions: Mapping[int, Position]) -> str:
        """Empty without positions."""
        if not positions:
            return ""
        entries = (_ENTRY.pack(part, *position) for part, position in sorted(positions.items()))
        content = VERSION + b"".join(entries)
        return base64.urlsafe_b64encode(content + self._mac(content)).rstrip(b"=").decode()

    def read(self, token: str) -> dict[int, Position]:
        """By partition; raises InvalidRequest for anything that this key didn't issue."""
        content, mac = self._decoded(token)
        entries = content[1:]
        if not hmac.compare_digest(mac, self._mac(content)) or len(entries) % _ENTRY.size:
            raise _refused()
        return {part: (ms, number) for part, ms, number in _ENTRY.iter_unpack(entries)}

    def _decoded(self, token: str) -> tuple[bytes, bytes]:
        if len(token) > LONGEST_TOKEN:
            raise _refused()
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise _refused() from error
        return raw[:-MAC_BYTES], raw[-MAC_BYTES:]

    def _mac(self, content: bytes) -> bytes:
        return hmac.digest(self._key, content, hashlib.sha256)[:MAC_BYTES]


def _refused() -> InvalidRequest:
    description = "was not issued by this service; send RecordEventsResponse.event_token unchanged"
    return InvalidRequest((FieldViolation("event_token", description),))
